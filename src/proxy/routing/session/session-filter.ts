import type { Now } from '../../../base/clock.ts'
import type { HeaderList } from '../../../http/headers.ts'
import type { ResponseHead } from '../../../http/message.ts'
import type { SessionPersistence } from '../../../model/policy/session-persistence.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'
import type { ActiveBackend } from '../router.ts'
import { Session, type SessionPlace } from './session.ts'
import { SessionTokens, type SessionToken } from './session-token.ts'

interface Place extends SessionPlace {
  readonly backend: ActiveBackend
}

export interface SessionOptions {
  readonly session: SessionPersistence
  /** Name of the route. */
  readonly route: string
  /** Of the route. */
  readonly backends: readonly ActiveBackend[]
  /** ms since 1970: a token goes from one sidecar to another. */
  readonly wallNow: Now
}

/** A token that was used so recently, as a share of the idle timeout, is not made anew for each answer. */
const freshShare = 0.1

/** Session persistence of one route (GEP-1619), for as long as a snapshot is in force. */
export class SessionFilter implements Filter {
  readonly #options: SessionOptions
  readonly #tokens: SessionTokens
  /** By their tags, made when the first session asks, and anew when endpoints have come or gone. */
  #places: ReadonlyMap<string, Place> = new Map()
  #revision = -1

  constructor(options: SessionOptions) {
    this.#options = options
    this.#tokens = new SessionTokens(options.session.key, options.route)
  }

  /**
   * Gives the exchange its session. @returns the backend that the session is kept at, whatever its weight (GEP-1619,
   * "Traffic Splitting"); undefined: it is new, or its endpoint is not there or may not serve.
   */
  begin(exchange: Exchange): ActiveBackend | undefined {
    const token = this.#read(exchange.request.headers)
    const place = token && this.#currentPlaces().get(token.endpointTag)
    const isUsable = place?.cluster.offers(place.endpoint) === true
    exchange.session = new Session(token, isUsable ? place : undefined)
    return isUsable ? place.backend : undefined
  }

  /** Tells the client where it was served, if that is news to it, or before it would be idle for too long. */
  onResponse(exchange: Exchange, head: ResponseHead): void {
    const { session, cluster, lastEndpoint, reason } = exchange
    if (session === undefined || cluster === undefined || lastEndpoint === undefined) return
    if (reason !== undefined) return
    const endpointTag = this.#tokens.tagOf(cluster.name, lastEndpoint)
    const usedAt = this.#seconds()
    const { token } = session
    const isSame = token?.endpointTag === endpointTag
    if (isSame && !this.#isStale(token, usedAt)) return
    const issuedAt = isSame ? token.issuedAt : usedAt
    this.#write(head.headers, { issuedAt, usedAt, endpointTag })
  }

  /** Names lead to other addresses without a snapshot. */
  #currentPlaces(): ReadonlyMap<string, Place> {
    let revision = 0
    for (const { cluster } of this.#options.backends) revision += cluster.revision
    if (revision !== this.#revision) this.#places = this.#findPlaces()
    this.#revision = revision
    return this.#places
  }

  #findPlaces(): ReadonlyMap<string, Place> {
    const places = new Map<string, Place>()
    for (const backend of this.#options.backends)
      for (const endpoint of backend.cluster.endpoints)
        places.set(this.#tokens.tagOf(backend.cluster.name, endpoint.endpoint.id), {
          backend,
          cluster: backend.cluster,
          endpoint,
        })
    return places
  }

  #read(headers: HeaderList): SessionToken | undefined {
    const { type, name } = this.#options.session
    const text = type === 'header' ? headers.get(name) : cookieOf(headers, name)
    const token = text === undefined ? undefined : this.#tokens.parse(text)
    return token !== undefined && this.#holds(token) ? token : undefined
  }

  #holds({ issuedAt, usedAt }: SessionToken): boolean {
    const { absoluteTimeoutMs = Infinity, idleTimeoutMs = Infinity } = this.#options.session
    const now = this.#seconds()
    return (now - issuedAt) * 1000 < absoluteTimeoutMs && (now - usedAt) * 1000 < idleTimeoutMs
  }

  #isStale({ usedAt }: SessionToken, now: number): boolean {
    const { idleTimeoutMs } = this.#options.session
    return idleTimeoutMs !== undefined && (now - usedAt) * 1000 >= idleTimeoutMs * freshShare
  }

  #write(headers: HeaderList, token: SessionToken): void {
    const { type, name, path, permanent, absoluteTimeoutMs } = this.#options.session
    const text = this.#tokens.format(token)
    if (type === 'header') return headers.set(name, text)
    const endsAt = token.issuedAt + Math.ceil((absoluteTimeoutMs ?? 0) / 1000)
    const life = permanent === true ? `; Max-Age=${endsAt - token.usedAt}` : ''
    headers.append('set-cookie', `${name}=${text}; Path=${path}${life}; HttpOnly; SameSite=Lax`)
  }

  #seconds(): number {
    return Math.floor(this.#options.wallNow() / 1000)
  }
}

/** RFC 6265 §4.2.1; HTTP/2 may send a field for each cookie (RFC 9113 §8.2.3). */
function cookieOf({ names, values }: HeaderList, name: string): string | undefined {
  for (const [index, value] of values.entries()) {
    if (names[index] !== 'cookie') continue
    for (const pair of value.split(';')) {
      const text = pair.trimStart()
      if (text.startsWith(name) && text[name.length] === '=')
        return text.slice(name.length + 1).trimEnd()
    }
  }
  return undefined
}
