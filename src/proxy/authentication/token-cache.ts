import { hash } from 'node:crypto'
import type { VerifiedToken } from './token-verifier.ts'

/** With its claims a token takes some kilobytes. */
const maxTokens = 4096
/** So that a key which its issuer has withdrawn is not believed for long. */
const longestMs = 300_000

interface Entry {
  readonly token: VerifiedToken
  readonly until: number
}

/** Tokens that were found good, by their hashes: the tokens themselves are secrets. The least used one goes first. */
export class TokenCache {
  readonly #entries = new Map<string, Entry>()

  get size(): number {
    return this.#entries.size
  }

  /** @param now ms since 1970. */
  get(token: string, now: number): VerifiedToken | undefined {
    const key = keyOf(token)
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.until <= now) return undefined
    this.#entries.set(key, entry)
    return entry.token
  }

  add(token: string, verified: VerifiedToken, now: number): void {
    const until = Math.min(verified.expiresAt, now + longestMs)
    this.#entries.set(keyOf(token), { token: verified, until })
    if (this.#entries.size <= maxTokens) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64')
}
