import { backoff } from '../base/backoff.ts'
import type { Now } from '../base/clock.ts'
import { jitter, type Random } from '../base/random.ts'
import type { Identity } from './identity.ts'
import type { IdentityHolder } from './identity-holder.ts'

/** Of half a life: renewal falls between 45 and 55 % of it. */
const jitterShare = 0.1

const retry = { baseMs: 1000, maxMs: 60_000 }

/** How often to look at the clock: timers stand still while the machine sleeps, certificates age. */
const lookMs = 60_000

/** From one identity to the next at least: one that is old when it comes (clocks differ) must not start a loop. */
const restMs = 60_000

export interface RotationOptions {
  readonly holder: IdentityHolder
  /** Gets, and may store, the next identity. */
  readonly renew: () => Promise<Identity>
  readonly onFailure: (error: unknown) => void
  /** ms since 1970. */
  readonly now: Now
  readonly random: Random
}

/** Replaces the holder's identity at half of each one's life, for as long as it is not closed. */
export class Rotation {
  readonly #options: RotationOptions
  #timer: NodeJS.Timeout | undefined
  /** ms since 1970. */
  #renewAt: number
  #failures = 0
  #closed = false

  constructor(options: RotationOptions) {
    this.#options = options
    this.#renewAt = halfLife(options.holder.current, options.random)
    this.#wait()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #wait(): void {
    const leftMs = Math.max(0, this.#renewAt - this.#options.now())
    this.#timer = setTimeout(() => this.#look(), Math.min(leftMs, lookMs))
  }

  #look(): void {
    if (this.#options.now() < this.#renewAt) this.#wait()
    else void this.#rotate()
  }

  async #rotate(): Promise<void> {
    const { holder, renew, onFailure, now, random } = this.#options
    try {
      const identity = await renew()
      if (this.#closed) return
      this.#failures = 0
      this.#renewAt = Math.max(halfLife(identity, random), now() + restMs)
      holder.replace(identity)
      this.#wait()
    } catch (error) {
      if (this.#closed) return
      this.#failures++
      this.#timer = setTimeout(() => void this.#rotate(), backoff(this.#failures, retry, random))
      onFailure(error)
    }
  }
}

/** About the middle between its begin and its end, ms since 1970. */
function halfLife({ notBefore, notAfter }: Identity, random: Random): number {
  return notBefore + jitter((notAfter - notBefore) / 2, jitterShare, random)
}
