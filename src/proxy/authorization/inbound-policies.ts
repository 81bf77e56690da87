import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { normalizePath } from '../../http/path-normalization.ts'
import { seesPaths, type InboundPolicies } from '../../model/inbound.ts'
import { TokenAuthenticator, TokenCounts } from '../authentication/token-authenticator.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { Authorizer } from './authorizer.ts'
import { FoldedNames } from './folded-names.ts'
import { PolicyCounters } from './policy-counters.ts'
import { ActiveLimit, RateLimiter } from './rate-limiter.ts'
import { RequestView } from './request-view.ts'

export interface InboundPolicyOptions {
  /** Of this sidecar, for keys that are fetched from within the mesh. */
  readonly outboundPort: () => number
  /** Of each rate limit, 0–1: other data planes of this sidecar have the rest. */
  readonly share: number
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

/**
 * What is asked of each call before the application gets it, by the policies of the snapshot in force: its path is
 * brought into one spelling, its token verified, the call authorized, and counted against its limits.
 */
export class InboundPolicyFilter implements Filter {
  readonly authorization = new PolicyCounters()
  readonly tokens = new TokenCounts()
  readonly #options: InboundPolicyOptions
  readonly #view = new RequestView()
  #active: ActivePolicies | undefined
  /** Before it is known what is asked of calls none is let in. */
  #isKnown = false
  #text = '{}'

  constructor(options: InboundPolicyOptions) {
    this.#options = options
  }

  /** Of the snapshot in force. */
  get rateLimits(): readonly ActiveLimit[] {
    return this.#active?.limiter?.limits ?? []
  }

  apply(inbound: InboundPolicies): void {
    this.#isKnown = true
    const { authorization, authentication, rateLimits, tcpPorts, pathNormalization } = inbound
    const text = JSON.stringify({
      authorization,
      authentication,
      rateLimits,
      tcpPorts,
      pathNormalization,
    })
    // Most snapshots bring other endpoints only.
    if (text === this.#text) return
    this.#text = text
    const former = this.#active
    this.#active = text === '{}' ? undefined : this.#activate(inbound, former)
    if (this.#active?.tokens !== former?.tokens) former?.tokens?.close()
  }

  onRequest(exchange: Exchange): boolean {
    const active = this.#active
    if (active === undefined) return this.#isKnown || refuseUnknown(exchange)
    if (exchange.request.method !== 'CONNECT') {
      if (!active.clean(exchange)) return false
      const { tokens } = active
      if (
        tokens !== undefined &&
        !tokens.authenticate(exchange, () => this.#goOn(exchange, active))
      )
        return false
    } else if (active.refusesRaw(exchange)) return false
    return active.admit(exchange, this.#view)
  }

  close(): void {
    this.#active?.tokens?.close()
  }

  /** By the policies that it came under. */
  #goOn(exchange: Exchange, active: ActivePolicies): void {
    if (active.admit(exchange, this.#view)) exchange.chain.proceed(exchange, this)
  }

  #activate(policies: InboundPolicies, former: ActivePolicies | undefined): ActivePolicies {
    const { authentication, rateLimits = [], authorization } = policies
    const { share } = this.#options
    const same = JSON.stringify(former?.policies.authentication) === JSON.stringify(authentication)
    const tokens =
      authentication === undefined || same
        ? former?.tokens
        : new TokenAuthenticator(
            { ...this.#options, authentication, counts: this.tokens },
            former?.tokens,
          )
    this.authorization.begin()
    const known = this.rateLimits
    return new ActivePolicies(policies, {
      authorizer: authorization && new Authorizer(authorization, this.authorization),
      tokens: authentication && tokens,
      limiter:
        rateLimits.length === 0
          ? undefined
          : new RateLimiter(
              // Whoever has used his quota up does not get it back by a change elsewhere.
              rateLimits.map(
                limit => known.find(active => active.isFor(limit)) ?? new ActiveLimit(limit, share),
              ),
            ),
    })
  }
}

function refuseUnknown(exchange: Exchange): false {
  exchange.fail(
    new ExchangeError('not_ready', 'no snapshot has come yet, which would say who may call'),
  )
  return false
}

interface Parts {
  readonly authorizer: Authorizer | undefined
  readonly tokens: TokenAuthenticator | undefined
  readonly limiter: RateLimiter | undefined
}

/** The policies of one snapshot. */
class ActivePolicies {
  readonly policies: InboundPolicies
  readonly tokens: TokenAuthenticator | undefined
  readonly limiter: RateLimiter | undefined
  readonly #authorizer: Authorizer | undefined
  readonly #folded: FoldedNames | undefined
  readonly #seesPaths: boolean

  constructor(policies: InboundPolicies, { authorizer, tokens, limiter }: Parts) {
    this.policies = policies
    this.tokens = tokens
    this.limiter = limiter
    this.#authorizer = authorizer
    const names = [...namesSeen(policies), ...(tokens?.believedHeaders ?? [])]
    this.#folded = names.length === 0 ? undefined : new FoldedNames(names)
    this.#seesPaths = seesPaths(policies)
  }

  /** A raw connection, by a CONNECT say, would carry requests past what has to see each of them. */
  refusesRaw(exchange: Exchange): boolean {
    const { localPort: port } = exchange
    if (this.policies.tcpPorts?.includes(port) === true) return false
    const isLimited = this.limiter?.limits.some(limit => limit.isOn(port)) === true
    if (!isLimited && this.tokens?.isOn(port) !== true) return false
    exchange.fail(
      new ExchangeError(
        'denied',
        'this port takes requests only; one for raw connections is declared so, by the name tcp or appProtocol: tcp',
      ),
    )
    return true
  }

  /** What is matched is what the application gets. */
  clean(exchange: Exchange): boolean {
    const { request } = exchange
    this.#folded?.dropOthers(request.headers)
    const { pathNormalization: mode } = this.policies
    if (mode === undefined) return true
    const path = normalizePath(request.path, mode)
    if (path === undefined) {
      exchange.fail(
        new ExchangeError(
          'bad_request',
          'the path holds a backslash, an encoded slash, or what else could be read in two ways',
        ),
      )
      return false
    }
    request.path = path
    return true
  }

  admit(exchange: Exchange, view: RequestView): boolean {
    view.show(exchange, this.#seesPaths)
    if (this.#authorizer !== undefined) {
      const isTcp = exchange.request.method === 'CONNECT'
      const { peerIdentity } = exchange.stream.connection
      const { isAllowed, note } = this.#authorizer.decide(view, peerIdentity, isTcp)
      exchange.policyNote = note
      if (!isAllowed) {
        exchange.fail(new ExchangeError('denied', 'this service does not allow this call'))
        return false
      }
    }
    const refusal = this.limiter?.refusal(view, exchange)
    if (refusal !== undefined) exchange.fail(refusal)
    return refusal === undefined
  }
}

function namesSeen({ authorization = [], rateLimits = [] }: InboundPolicies): string[] {
  const conditions = authorization.flatMap(({ rules }) =>
    rules.flatMap(({ when = [] }) => when.flatMap(({ header }) => header ?? [])),
  )
  const limited = rateLimits.flatMap(({ key, match }) => [
    ...(key.kind === 'header' ? [key.name] : []),
    ...(match?.headers ?? []).map(({ name }) => name),
  ])
  return [...conditions, ...limited]
}
