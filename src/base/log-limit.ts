/** Bounds the lines a remote peer can make us write: so many a second, the rest is only counted. */
export class LogLimit {
  readonly #perSecond: number
  #second = Number.NEGATIVE_INFINITY
  #admitted = 0
  #suppressed = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** Whether a line may be written at `now` (ms). */
  admit(now: number): boolean {
    if (now - this.#second >= 1000) {
      this.#second = now
      this.#admitted = 0
    }
    if (this.#admitted < this.#perSecond) {
      this.#admitted++
      return true
    }
    this.#suppressed++
    return false
  }

  /** Lines refused since the last call; the next admitted line should say so. */
  takeSuppressed(): number {
    const count = this.#suppressed
    this.#suppressed = 0
    return count
  }
}
