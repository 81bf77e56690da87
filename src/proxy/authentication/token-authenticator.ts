import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import type { JwtRule, RequestAuthentication } from '../../model/policy/request-authentication.ts'
import { claimTexts } from '../authorization/claims.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { Wait } from '../exchange/wait.ts'
import { fetchKeysFrom } from './fetch-keys.ts'
import { FixedKeySet, RemoteKeySet, type KeySet } from './key-set.ts'
import { TokenCache } from './token-cache.ts'
import {
  findTokens,
  isWhereRuleLooks,
  locationsOf,
  removeToken,
  type TokenLocations,
} from './token-location.ts'
import {
  issuerOf,
  TokenFault,
  verifyToken,
  type RuleKeys,
  type VerifiedToken,
} from './token-verifier.ts'

/** Requests that wait for keys or for a signature to be checked; each may hold 64 KiB of its body. */
const maxWaiting = 1024

export interface TokenAuthenticatorOptions {
  readonly authentication: RequestAuthentication
  /** Of this sidecar. */
  readonly outboundPort: () => number
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
  readonly counts: TokenCounts
}

/** Since the start of the sidecar. */
export class TokenCounts {
  verified = 0
  cached = 0
  refused = 0
  keysFetched = 0
  keysFailed = 0
}

/** Ports of which there can be more than an application declares, in transparent mode. */
const maxPorts = 256

/** The rules for one port. */
interface PortRules {
  readonly rules: readonly RuleKeys[]
  readonly locations: TokenLocations
  /** Headers that only this sidecar may set. */
  readonly outputs: readonly string[]
}

/** Verifies the tokens of requests by the rules of one snapshot. */
export class TokenAuthenticator {
  readonly #options: TokenAuthenticatorOptions
  readonly #rules: readonly RuleKeys[]
  /** By their URLs. */
  readonly #remote = new Map<string, RemoteKeySet>()
  /** Undefined: tokens to that port are the application's business. */
  readonly #ports = new Map<number, PortRules | undefined>()
  readonly #cache = new TokenCache()
  #waiting = 0

  /** @param former of the snapshot before: the keys that it knows stay known, for their issuer may be away just now. */
  constructor(options: TokenAuthenticatorOptions, former?: TokenAuthenticator) {
    const { rules } = options.authentication
    this.#options = options
    this.#rules = rules.map(rule => ({ rule, keys: this.#keySetOf(rule, former) }))
    // So that the first request does not have to wait; what goes wrong is told to those that come.
    for (const keys of this.#remote.values()) keys.keys().catch(() => {})
  }

  /** Headers that the application believes: those that we set, and where it may find a token that we have verified. */
  get believedHeaders(): readonly string[] {
    const { headers } = locationsOf(this.#rules.map(({ rule }) => rule))
    return [...outputsOf(this.#rules), ...headers.map(({ name }) => name)]
  }

  /**
   * @param go is called when a request that had to wait may go on.
   * @returns whether it may go on now; else it waits, or has failed.
   */
  authenticate(exchange: Exchange, go: () => void): boolean {
    const { request } = exchange
    const port = this.#portRules(exchange.localPort)
    if (port === undefined) return true
    for (const header of port.outputs) request.headers.delete(header)
    const tokens = findTokens(request, port.locations)
    const [token] = tokens
    if (token === undefined) return true
    if (tokens.length > 1) {
      this.#refuse(exchange, 'a request has one token at most')
      return false
    }
    const known = this.#cache.get(token, this.#options.wallNow())
    const isKnown = port.rules.some(({ rule }) => rule === known?.rule)
    if (known !== undefined && isKnown && isWhereRuleLooks(known.rule, request, token)) {
      this.#options.counts.cached++
      accept(exchange, known, port)
      return true
    }
    this.#wait(exchange, { token, port, go })
    return false
  }

  /** Whether it looks at requests to this port of the application. */
  isOn(port: number): boolean {
    return this.#portRules(port) !== undefined
  }

  close(): void {
    for (const keys of this.#remote.values()) keys.close()
  }

  /** Its keys, for a successor to go on with; requests that wait for them here get them all the same. */
  #handOver(uri: string): RemoteKeySet | undefined {
    const keys = this.#remote.get(uri)
    this.#remote.delete(uri)
    return keys
  }

  #portRules(port: number): PortRules | undefined {
    if (this.#ports.has(port)) return this.#ports.get(port)
    const rules = this.#rules.filter(({ rule }) => rule.ports?.includes(port) ?? true)
    const isOthers = this.#options.authentication.ports?.includes(port) === false
    const locations = locationsOf(rules.map(({ rule }) => rule))
    const compiled = isOthers ? undefined : { rules, locations, outputs: outputsOf(rules) }
    if (this.#ports.size >= maxPorts) this.#ports.clear()
    this.#ports.set(port, compiled)
    return compiled
  }

  #wait(exchange: Exchange, { token, port, go }: Waiting): void {
    if (this.#waiting >= maxWaiting)
      return exchange.fail(
        new ExchangeError('overloaded', 'too many requests wait for their tokens to be verified'),
      )
    const wait = new Wait(exchange, end => {
      if (end === 'ended') go()
    })
    exchange.attempt = wait
    void this.#settle(exchange, { token, port, go: () => wait.end() })
  }

  async #settle(exchange: Exchange, { token, port, go }: Waiting): Promise<void> {
    this.#waiting++
    const outcome = await this.#verify(exchange, token, port).catch((error: unknown) => {
      if (error instanceof TokenFault) return error
      throw error
    })
    this.#waiting--
    // Its caller may have gone meanwhile.
    if (exchange.completed) return
    if (outcome instanceof TokenFault) return this.#refuse(exchange, outcome.message)
    accept(exchange, outcome, port)
    go()
  }

  async #verify({ request }: Exchange, token: string, port: PortRules): Promise<VerifiedToken> {
    const { wallNow, counts } = this.#options
    const issuer = await issuerOf(token)
    const rules = port.rules.filter(
      ({ rule }) => rule.issuer === issuer && isWhereRuleLooks(rule, request, token),
    )
    let fault = new TokenFault('nobody here believes its issuer')
    for (const rule of rules) {
      try {
        const verified = await verifyToken(token, rule, wallNow())
        counts.verified++
        this.#cache.add(token, verified, wallNow())
        return verified
      } catch (error) {
        if (!(error instanceof TokenFault)) throw error
        fault = error
      }
    }
    throw fault
  }

  /** RFC 6750 §3. */
  #refuse(exchange: Exchange, why: string): void {
    this.#options.counts.refused++
    exchange.attempt = undefined
    const error = new ExchangeError('unauthenticated', `the token is not believed: ${why}`)
    error.fields = { 'www-authenticate': 'Bearer error="invalid_token"' }
    exchange.fail(error)
  }

  #keySetOf({ jwks, jwksUri }: JwtRule, former: TokenAuthenticator | undefined): KeySet {
    if (jwksUri === undefined) return new FixedKeySet({ keys: [...(jwks?.keys ?? [])] })
    const { outboundPort, now, random, counts } = this.#options
    const known = this.#remote.get(jwksUri) ?? (former && former.#handOver(jwksUri))
    const keys =
      known ??
      new RemoteKeySet({ fetch: fetchKeysFrom(jwksUri, outboundPort), now, random, counts })
    this.#remote.set(jwksUri, keys)
    return keys
  }
}

interface Waiting {
  readonly token: string
  readonly port: PortRules
  readonly go: () => void
}

function outputsOf(rules: readonly RuleKeys[]): string[] {
  return rules.flatMap(({ rule }) => rule.outputClaimToHeaders.map(({ header }) => header))
}

function accept(
  exchange: Exchange,
  { rule, claims }: VerifiedToken,
  { locations }: PortRules,
): void {
  const { request } = exchange
  exchange.claims = claims
  if (!rule.forward) removeToken(request, locations)
  for (const { header, claim } of rule.outputClaimToHeaders) {
    const text = claimTexts(claims, claim)?.join(',')
    if (text !== undefined && isFieldValue(text)) request.headers.set(header, text)
  }
}

/** Of an issuer's texts not every one can stand in a header (RFC 9110 §5.5). */
function isFieldValue(text: string): boolean {
  return /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(text)
}
