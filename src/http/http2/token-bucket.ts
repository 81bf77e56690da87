import type { Now } from '../../base/clock.ts'

/** Grants `burst` tokens at once and `perSecond` more over time. */
export class TokenBucket {
  readonly #burst: number
  readonly #perMs: number
  readonly #now: Now
  #tokens: number
  #filledAt: number

  constructor(burst: number, perSecond: number, now: Now) {
    this.#burst = burst
    this.#perMs = perSecond / 1000
    this.#now = now
    this.#tokens = burst
    this.#filledAt = now()
  }

  /** @returns false when there are too few left; reads the clock only then. */
  take(count: number): boolean {
    if (this.#tokens < count) this.#fill()
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }

  give(count: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + count)
  }

  #fill(): void {
    const now = this.#now()
    this.give((now - this.#filledAt) * this.#perMs)
    this.#filledAt = now
  }
}
