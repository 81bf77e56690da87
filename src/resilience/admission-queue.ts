/** Somebody who waits to be let in. */
export interface Waiting {
  /** Monotonic ms since when. */
  readonly since: number
  /** It is let in. */
  end(): void
}

/**
 * Who waits for a concurrency limit: bounded, first come first served as long as it moves fast. Once the oldest has
 * waited for half of what it may, the newest goes first: then some are served in time, where in turn all would be late
 * (Maurer, "Fail at Scale", ACM Queue 2015: adaptive LIFO).
 */
export class AdmissionQueue {
  /** That wait at a time. Whoever is in when it is lowered stays. */
  most: number
  /** Longest wait in ms, which whoever waits enforces. */
  timeoutMs: number
  /** Some of it are being let in just now. */
  isMoving = false
  /** In the order of their coming. */
  readonly #waiting: Waiting[] = []

  constructor(most: number, timeoutMs: number) {
    this.most = most
    this.timeoutMs = timeoutMs
  }

  get length(): number {
    return this.#waiting.length
  }

  /** @returns false when it is full. */
  add(waiter: Waiting): boolean {
    if (this.#waiting.length >= this.most) return false
    this.#waiting.push(waiter)
    return true
  }

  /** Takes out whose turn it is. */
  next(now: number): Waiting | undefined {
    const oldest = this.#waiting[0]
    if (oldest === undefined) return undefined
    return now - oldest.since > this.timeoutMs / 2 ? this.#waiting.pop() : this.#waiting.shift()
  }

  /** For one who no longer waits. */
  remove(waiter: Waiting): void {
    const index = this.#waiting.indexOf(waiter)
    if (index >= 0) this.#waiting.splice(index, 1)
  }
}
