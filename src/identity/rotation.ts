import { backoff } from '../base/backoff.ts'
import type { Now } from '../base/clock.ts'
import { jitter, type Random } from '../base/random.ts'
import type { Identity } from './identity.ts'
import type { IdentityHolder } from './identity-holder.ts'

interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** Of half a life: renewal falls between 45 and 55 % of it. */
const jitterShare = 0.1

const retry = { baseMs: 1000, maxMs: 60_000 }

/** ms from `now` (ms since 1970) until the certificate should be renewed: at half its life, or at once. */
export function renewalDelayMs(validity: Validity, now: number, random: Random): number {
  const { notBefore, notAfter } = validity
  const renewAt = notBefore + jitter((notAfter - notBefore) / 2, jitterShare, random)
  return Math.max(0, renewAt - now)
}

/** ms until the next attempt after `failures` in a row. */
export function renewalRetryMs(failures: number, random: Random): number {
  return backoff(failures, retry, random)
}

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
  #failures = 0
  #closed = false

  constructor(options: RotationOptions) {
    this.#options = options
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#closed) return
    const { holder, now, random } = this.#options
    const delayMs =
      this.#failures === 0
        ? renewalDelayMs(holder.current, now(), random)
        : renewalRetryMs(this.#failures, random)
    this.#timer = setTimeout(() => void this.#rotate(), delayMs)
  }

  async #rotate(): Promise<void> {
    const { holder, renew, onFailure } = this.#options
    try {
      const identity = await renew()
      if (this.#closed) return
      this.#failures = 0
      holder.replace(identity)
    } catch (error) {
      this.#failures++
      onFailure(error)
    }
    this.#schedule()
  }
}
