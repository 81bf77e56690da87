import { createHash } from 'node:crypto'
import type { Now } from '../../../base/clock.ts'

/** The API server takes a token for a minute after its end, and its clock is not ours. */
const leewayMs = 300_000
const sweepMs = 60_000

interface Use {
  readonly publicKey: string
  /** ms since 1970. */
  readonly until: number
}

/**
 * Which key each token was used for: none serves a second one. Kept for the life of the token, in this process: another
 * replica does not know of it.
 */
export class TokenUses {
  readonly #uses = new Map<string, Use>()
  readonly #limit: number
  readonly #now: Now
  #sweptAt = Number.NEGATIVE_INFINITY

  /** @param now ms since 1970. */
  constructor(limit: number, now: Now) {
    this.#limit = limit
    this.#now = now
  }

  /** Whether another key has used it before. */
  isTaken(token: string, publicKey: string): boolean {
    const use = this.#uses.get(nameOf(token))
    return use !== undefined && use.publicKey !== publicKey && this.#now() < use.until
  }

  /**
   * To be called for tokens that are good, so that nobody fills the table with others.
   * @param expiresAt of the token, ms since 1970. @returns false when there is no room: no use may be forgotten for it.
   */
  note(token: string, publicKey: string, expiresAt: number): boolean {
    this.#sweep()
    const name = nameOf(token)
    if (!this.#uses.has(name) && this.#uses.size >= this.#limit) return false
    this.#uses.set(name, { publicKey, until: expiresAt + leewayMs })
    return true
  }

  #sweep(): void {
    const now = this.#now()
    if (now - this.#sweptAt < sweepMs && this.#uses.size < this.#limit) return
    this.#sweptAt = now
    for (const [name, { until }] of this.#uses) if (until <= now) this.#uses.delete(name)
  }
}

/** Of what is signed alone: the signature can be written in several ways that are all good. */
function nameOf(token: string): string {
  return createHash('sha256')
    .update(token.slice(0, token.lastIndexOf('.')))
    .digest('base64')
}
