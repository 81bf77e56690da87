import type { Availability } from '../../balancing/availability.ts'
import { EndpointState } from '../../balancing/endpoint-state.ts'
import type { ExchangeError } from '../../base/errors.ts'
import type { WireProtocol } from '../../http/message.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import { targetPort } from '../mesh-headers.ts'
import type { ConnectionPool } from './connection-pool.ts'

/** How long an application that answered to HTTP/2 with something else is not asked again. */
const http1OnlyMs = 60_000

/** Connections that speak this to an endpoint; to one with a sidecar they are the same for all. */
export type LendPool = (protocol: WireProtocol) => ConnectionPool

/** An endpoint with the ways to it. One object as long as the cluster names its id. */
export class ActiveEndpoint extends EndpointState {
  /** Values of the header that tells a sidecar what to reach its application by. */
  readonly targetPorts: Readonly<Record<WireProtocol, string>>
  readonly #lend: LendPool
  readonly #main: ConnectionPool
  /** To the application itself, once somebody has spoken HTTP/2 to it. */
  #http2: ConnectionPool | undefined
  /** The same for raw bytes. */
  #tcp: ConnectionPool | undefined
  #http1OnlyUntil = Number.NEGATIVE_INFINITY

  /** @param availability as of its state. */
  constructor(endpoint: Endpoint, lend: LendPool, availability?: Availability) {
    super(endpoint, availability)
    this.targetPorts = targetsOf(endpoint)
    this.#lend = lend
    this.#main = lend('http/1.1')
  }

  /** Those that were lent. */
  get pools(): ConnectionPool[] {
    return [this.#main, this.#http2, this.#tcp].filter(pool => pool !== undefined)
  }

  /** @param now monotonic ms. */
  pool(protocol: WireProtocol, now: number): ConnectionPool {
    if (protocol === 'http/1.1' || this.endpoint.mesh !== undefined) return this.#main
    if (protocol === 'tcp') return (this.#tcp ??= this.#lend('tcp'))
    if (now < this.#http1OnlyUntil) return this.#main
    return (this.#http2 ??= this.#lend('h2'))
  }

  /** What to turn to when `pool` could not connect because the application does not speak HTTP/2. */
  fallback(pool: ConnectionPool, error: ExchangeError, now: number): ConnectionPool | undefined {
    if (pool !== this.#http2 || error.code !== 'upstream_protocol') return undefined
    this.#http1OnlyUntil = now + http1OnlyMs
    return this.#main
  }
}

function targetsOf({ port, mesh }: Endpoint): Readonly<Record<WireProtocol, string>> {
  const qualifier = mesh?.qualifier
  const target = (protocol: WireProtocol): string => qualifier ?? targetPort(port, protocol)
  return { 'http/1.1': target('http/1.1'), h2: target('h2'), tcp: target('tcp') }
}
