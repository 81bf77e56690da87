/** Upper bounds in ms; exposed in seconds. OpenTelemetry's HTTP buckets, with finer ones below 5 ms. */
const boundsMs = [
  0.5, 1, 2.5, 5, 7.5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000,
] as const

export const bucketBoundsSeconds: readonly number[] = boundsMs.map(bound => bound / 1000)

/** Latencies in fixed buckets: plain counters, cheap enough for every request. */
export class LatencyHistogram {
  /** Observations per bucket, not cumulative; the last is for all above the greatest bound. */
  readonly counts = new Float64Array(boundsMs.length + 1)
  sumMs = 0
  count = 0

  observe(ms: number): void {
    let index = 0
    while (index < boundsMs.length && ms > (boundsMs[index] ?? 0)) index++
    this.counts[index] = (this.counts[index] ?? 0) + 1
    this.sumMs += ms
    this.count++
  }

  /** Adds what `other` has seen. */
  add(other: LatencyHistogram): void {
    other.counts.forEach((count, index) => {
      this.counts[index] = (this.counts[index] ?? 0) + count
    })
    this.sumMs += other.sumMs
    this.count += other.count
  }

  /**
   * An estimate in ms for people: `q` (0–1) of the observations were no slower. Linear within a bucket; the
   * greatest bound when it lies beyond. NaN while empty.
   */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN
    const rank = q * this.count
    let below = 0
    for (let index = 0; index < boundsMs.length; index++) {
      const inBucket = this.counts[index] ?? 0
      if (inBucket > 0 && below + inBucket >= rank) {
        const lower = boundsMs[index - 1] ?? 0
        const upper = boundsMs[index] ?? 0
        return lower + (upper - lower) * ((rank - below) / inBucket)
      }
      below += inBucket
    }
    return boundsMs[boundsMs.length - 1] ?? 0
  }
}
