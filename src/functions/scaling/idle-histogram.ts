export const binMs = 60_000
const binCount = 240
/** Four hours, as in "Serverless in the Wild" (Shahrad et al., ATC'20). */
export const rangeMs = binMs * binCount
/** At so many samples all count half, so that a function's old habits fade. */
const maxSamples = 1024

/** For how long a function was idle between calls, in bins of a minute. */
export class IdleHistogram {
  readonly #bins = new Float64Array(binCount)
  #inRange = 0
  /** Idle times beyond the range. */
  #beyond = 0

  observe(idleMs: number): void {
    if (!(idleMs >= 0)) return
    if (idleMs < rangeMs) {
      const bin = Math.floor(idleMs / binMs)
      this.#bins[bin] = (this.#bins[bin] ?? 0) + 1
      this.#inRange++
    } else this.#beyond++
    if (this.samples >= maxSamples) this.#fade()
  }

  get samples(): number {
    return this.#inRange + this.#beyond
  }

  /** Share of the idle times that were longer than the range; 0 when there were none at all. */
  get beyondShare(): number {
    return this.samples === 0 ? 0 : this.#beyond / this.samples
  }

  /** Standard deviation of the bins' counts by their mean: high where idle times have a pattern, 0 where all are alike. */
  get variation(): number {
    const mean = this.#inRange / binCount
    if (mean === 0) return 0
    let squares = 0
    for (const count of this.#bins) squares += (count - mean) ** 2
    return Math.sqrt(squares / binCount) / mean
  }

  /** Idle times at the lower and the upper edge of the bin in which a share of those within the range is reached. */
  percentile(share: number): { readonly lowMs: number; readonly highMs: number } {
    let below = 0
    for (const [bin, count] of this.#bins.entries()) {
      below += count
      if (count > 0 && below >= share * this.#inRange)
        return { lowMs: bin * binMs, highMs: (bin + 1) * binMs }
    }
    return { lowMs: 0, highMs: rangeMs }
  }

  /** Mean over all samples of what one costs: those of a bin count as its middle, those beyond the range as its end. */
  mean(cost: (idleMs: number) => number): number {
    let sum = this.#beyond * cost(rangeMs)
    for (const [bin, count] of this.#bins.entries())
      if (count > 0) sum += count * cost((bin + 0.5) * binMs)
    return this.samples === 0 ? 0 : sum / this.samples
  }

  #fade(): void {
    for (const [bin, count] of this.#bins.entries()) this.#bins[bin] = count / 2
    this.#inRange /= 2
    this.#beyond /= 2
  }
}
