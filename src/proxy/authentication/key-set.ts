import type { FlattenedJWSInput, JWSHeaderParameters, JSONWebKeySet, CryptoKey } from 'jose'
import { backoff } from '../../base/backoff.ts'
import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'

/** Finds the key that a token was signed with. */
export type FindKey = (
  header?: JWSHeaderParameters,
  token?: FlattenedJWSInput,
) => Promise<CryptoKey>

/** Public keys of one issuer. */
export interface KeySet {
  /** @throws Error that says why there are none. */
  keys(): Promise<FindKey>
  /** A token names a key that is not among them. @returns whether there are others now. */
  renew(): Promise<boolean>
}

/** Gets the text of a key set. @throws Error */
export type FetchKeys = (signal: AbortSignal) => Promise<{
  readonly text: string
  /** How long it may be kept, as the server says (RFC 9111 §5.2.2.1); undefined: it does not say. */
  readonly maxAgeMs: number | undefined
}>

export interface RemoteKeySetOptions {
  readonly fetch: FetchKeys
  readonly now: Now
  readonly random: Random
  readonly counts: { keysFetched: number; keysFailed: number }
}

const defaultAgeMs = 300_000
const leastAgeMs = 60_000
const mostAgeMs = 3_600_000
/** Of its age: fetched anew from then on, while requests go by the old ones. */
const aheadRatio = 0.8
/** Keys of an issuer that is away are believed for so long beyond their age. */
const graceMs = 3_600_000
/** Whoever makes tokens up must not make us ask for keys. */
const renewalPauseMs = 10_000
const fetchTimeoutMs = 5000
const failurePauses = { baseMs: 1000, maxMs: 60_000 }
const maxKeys = 100

/** Keys that stand in the configuration. */
export class FixedKeySet implements KeySet {
  readonly #jwks: JSONWebKeySet
  #keys: Promise<FindKey> | undefined

  constructor(jwks: JSONWebKeySet) {
    this.#jwks = jwks
  }

  keys(): Promise<FindKey> {
    this.#keys ??= localKeys(this.#jwks)
    return this.#keys
  }

  async renew(): Promise<boolean> {
    return false
  }
}

/**
 * Keys that an issuer publishes (OpenID Connect Discovery, `jwks_uri`): fetched when a token needs them, kept, and
 * fetched again ahead of their end. Nothing runs while no token comes.
 */
export class RemoteKeySet implements KeySet {
  readonly #options: RemoteKeySetOptions
  readonly #closing = new AbortController()
  #keys: FindKey | undefined
  #text = ''
  #fetching: Promise<FindKey> | undefined
  #freshUntil = 0
  #validUntil = 0
  #fetchedAt = Number.NEGATIVE_INFINITY
  #retryAt = 0
  #failures = 0
  #lastError = 'not asked yet'

  constructor(options: RemoteKeySetOptions) {
    this.#options = options
  }

  async keys(): Promise<FindKey> {
    const now = this.#options.now()
    const known = now < this.#validUntil ? this.#keys : undefined
    if (known === undefined) return this.#fetch(now)
    // Nobody waits for this one; what goes wrong is remembered.
    if (now >= this.#freshUntil) this.#fetch(now).catch(() => {})
    return known
  }

  async renew(): Promise<boolean> {
    const now = this.#options.now()
    if (now - this.#fetchedAt < renewalPauseMs) return false
    const before = this.#text
    await this.#fetch(now)
    return this.#text !== before
  }

  close(): void {
    this.#closing.abort()
  }

  #fetch(now: number): Promise<FindKey> {
    if (this.#fetching !== undefined) return this.#fetching
    if (now < this.#retryAt) return Promise.reject(new Error(this.#lastError))
    this.#fetching = this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<FindKey> {
    const { fetch, now, random, counts } = this.#options
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(fetchTimeoutMs)])
      const { text, maxAgeMs = defaultAgeMs } = await fetch(signal)
      const keys = await localKeys(readKeySet(text))
      const ageMs = Math.min(Math.max(maxAgeMs, leastAgeMs), mostAgeMs)
      const at = now()
      this.#freshUntil = at + ageMs * aheadRatio
      this.#validUntil = at + ageMs + graceMs
      this.#fetchedAt = at
      this.#failures = 0
      this.#keys = keys
      this.#text = text
      counts.keysFetched++
      return keys
    } catch (error) {
      counts.keysFailed++
      this.#failures++
      this.#lastError = (error as Error).message
      this.#retryAt = now() + backoff(this.#failures, failurePauses, random)
      throw error
    }
  }
}

/** Only public keys: with a shared secret anybody who verifies could sign. @throws Error */
function readKeySet(text: string): JSONWebKeySet {
  const { keys } = JSON.parse(text) as { readonly keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('there is no list of keys in the answer')
  if (keys.length > maxKeys) throw new Error(`there are more than ${maxKeys} keys in the answer`)
  return { keys: keys.filter(key => typeof key === 'object' && key !== null && key.kty !== 'oct') }
}

async function localKeys(jwks: JSONWebKeySet): Promise<FindKey> {
  const { createLocalJWKSet } = await import('jose')
  return createLocalJWKSet(jwks)
}
