import type { WireProtocol } from '../../http/message.ts'
import type { ClientConnection, ClientConnectionEvents } from '../../http/stream.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { ClusterTls } from '../../model/cluster-tls.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import type { PoolLender } from './cluster.ts'
import { ConnectionPool } from './connection-pool.ts'

export interface DialTarget {
  readonly endpoint: Endpoint
  /** To speak to an endpoint without a sidecar. */
  readonly protocol: WireProtocol
  readonly timeoutMs: number
  /** Of the cluster. */
  readonly tls?: ClusterTls
  /** Its address is the name that its caller has called. */
  readonly isCalledHost?: boolean
}

/** Opens one connection to an endpoint. Rejects with an ExchangeError, within the timeout. */
export type Dial = (target: DialTarget, events: ClientConnectionEvents) => Promise<ClientConnection>

interface Lent {
  readonly pool: ConnectionPool
  readonly key: string
  readonly mesh: boolean
  borrowers: number
}

/** Connections to one sidecar over which requests are spread; those on the least busy from which on one is added. */
const meshSpread = 4
const meshGrowAt = 256

/** Only tunnels need more: each holds its place, of the 1000 that a connection has, for as long as it lasts. */
const meshConnections = 64

/** As {@link meshGrowAt}, for HTTP/2 to an application: the least that RFC 9113 §6.5.2 wants a server to take. */
const http2GrowAt = 100

/** The pools of a proxy, one per peer process, whatever number of clusters leads there. */
export class PoolSet implements PoolLender {
  readonly #dial: Dial
  readonly #lent = new Map<string, Lent>()
  readonly #byPool = new Map<ConnectionPool, Lent>()

  constructor(dial: Dial) {
    this.#dial = dial
  }

  lend(endpoint: Endpoint, cluster: Cluster, protocol: WireProtocol): ConnectionPool {
    const key = poolKey(endpoint, cluster, protocol)
    const known = this.#lent.get(key)
    if (known !== undefined) {
      known.borrowers++
      return known.pool
    }
    const mesh = endpoint.mesh !== undefined
    const { connectTimeoutMs: timeoutMs, concurrency, tls, discovery } = cluster
    const target = {
      endpoint,
      protocol,
      timeoutMs,
      ...(tls !== undefined && { tls }),
      ...(discovery === 'host' && { isCalledHost: true }),
    }
    const multiplexed = mesh || protocol === 'h2'
    const pool = new ConnectionPool({
      name: endpoint.id,
      dial: events => this.#dial(target, events),
      maxConnections: mesh ? meshConnections : concurrency.maxConnectionsPerEndpoint,
      // One multiplexed connection will take all who wait for it.
      maxPending: multiplexed ? concurrency.maxRequests : concurrency.maxPending,
      ...(multiplexed && { growAt: mesh ? meshGrowAt : http2GrowAt }),
      ...(mesh && { spread: meshSpread }),
    })
    const lent = { pool, key, mesh, borrowers: 1 }
    this.#lent.set(key, lent)
    this.#byPool.set(pool, lent)
    return pool
  }

  giveBack(pool: ConnectionPool): void {
    const lent = this.#byPool.get(pool)
    if (lent === undefined || --lent.borrowers > 0) return
    this.#lent.delete(lent.key)
    this.#byPool.delete(pool)
    pool.close()
  }

  sweep(now: number): void {
    for (const { pool } of this.#lent.values()) pool.sweep(now)
  }

  /** After a new certificate: connections of the old one take no further requests. */
  renewMesh(): void {
    for (const { pool, mesh } of this.#lent.values()) if (mesh) pool.renew()
  }

  /** Open connections to all peers. */
  get size(): number {
    let size = 0
    for (const { pool } of this.#lent.values()) size += pool.size
    return size
  }
}

/** Clusters share the way to a sidecar; an application outside the mesh has each cluster's own limits. */
function poolKey(
  { id, address, mesh }: Endpoint,
  cluster: Cluster,
  protocol: WireProtocol,
): string {
  return mesh === undefined
    ? `${cluster.name} ${id} ${protocol}`
    : `${address}:${mesh.port} ${mesh.identity}`
}
