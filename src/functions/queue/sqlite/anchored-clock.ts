import type { Now } from '../../../base/clock.ts'

/**
 * The wall clock as it was when the process began, moved on by the monotonic one: times that are kept on disk mean
 * something to the next process, and nothing happens in this one when somebody sets the clock.
 */
export class AnchoredClock {
  readonly #now: Now
  readonly #offset: number

  constructor(now: Now, wallNow: Now) {
    this.#now = now
    this.#offset = wallNow() - now()
  }

  /** Whole ms since 1970. */
  at(): number {
    return Math.floor(this.#offset + this.#now())
  }
}
