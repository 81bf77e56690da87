/** Bounds the lines a remote peer can make us write: so many in a period, the rest is only counted. */
export class LogLimit {
  readonly #lines: number
  readonly #periodMs: number
  #begunAt = Number.NEGATIVE_INFINITY
  #admitted = 0
  #suppressed = 0

  /** @param periodMs default 1000. */
  constructor(lines: number, periodMs = 1000) {
    this.#lines = lines
    this.#periodMs = periodMs
  }

  /** Whether a line may be written at `now` (ms). */
  admit(now: number): boolean {
    if (now - this.#begunAt >= this.#periodMs) {
      this.#begunAt = now
      this.#admitted = 0
    }
    if (this.#admitted < this.#lines) {
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
