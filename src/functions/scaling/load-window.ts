/** Of a window, however long it is: what a state holds does not depend on the policy. */
export const windowBuckets = 60

/** How many invocations were there at a time, over the last while. Never changed: each record makes a new one. */
export interface LoadWindow {
  readonly bucketMs: number
  /** Nothing is known of the time before. */
  readonly since: number
  /** Until when it is known, monotonic ms. */
  readonly at: number
  /** Concurrency × ms, in a ring by the number of the bucket since the clock's zero. */
  readonly sums: readonly number[]
}

export function openWindow(spanMs: number, at: number): LoadWindow {
  const sums = Array.from({ length: windowBuckets }, () => 0)
  return { bucketMs: spanMs / windowBuckets, since: at, at, sums }
}

/** Adds that `concurrency` was the mean from the window's end until now. */
export function recordLoad(window: LoadWindow, now: number, concurrency: number): LoadWindow {
  const { bucketMs, at } = window
  const sums = [...window.sums]
  const first = Math.floor(at / bucketMs)
  const last = Math.floor(now / bucketMs)
  // What lies further back would be overwritten within this loop.
  for (let bucket = Math.max(first, last - windowBuckets + 1); bucket <= last; bucket++) {
    const index = bucket % windowBuckets
    const known = bucket === first ? (sums[index] ?? 0) : 0
    const lasted = Math.min(now, (bucket + 1) * bucketMs) - Math.max(at, bucket * bucketMs)
    sums[index] = known + concurrency * lasted
  }
  return { ...window, at: now, sums }
}

/**
 * Mean concurrency over the last `spanMs`, or over as much of them as is known, to a bucket. What is known for less
 * than one bucket counts as if the rest of it had been idle: one short call is no load.
 */
export function averageLoad({ bucketMs, since, at, sums }: LoadWindow, spanMs: number): number {
  const newest = Math.floor(at / bucketMs)
  const count = Math.min(windowBuckets, Math.ceil(spanMs / bucketMs))
  const oldest = Math.max(0, newest - count + 1)
  let sum = 0
  for (let bucket = oldest; bucket <= newest; bucket++) sum += sums[bucket % windowBuckets] ?? 0
  return sum / Math.max(bucketMs, at - Math.max(since, oldest * bucketMs))
}
