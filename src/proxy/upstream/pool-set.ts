import type { ClientConnection, ClientConnectionEvents } from '../../http/stream.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import type { PoolLender } from './cluster.ts'
import { ConnectionPool } from './connection-pool.ts'

/** Opens one connection to an endpoint. Rejects with an ExchangeError, within the timeout. */
export type Dial = (
  endpoint: Endpoint,
  timeoutMs: number,
  events: ClientConnectionEvents,
) => Promise<ClientConnection>

interface Lent {
  readonly pool: ConnectionPool
  readonly key: string
  readonly mesh: boolean
  borrowers: number
}

/** Connections to one sidecar at most; requests on the least busy from which on a further one is opened. */
const meshConnections = 4
const meshGrowAt = 256

/** The pools of a proxy, one per peer process, whatever number of clusters leads there. */
export class PoolSet implements PoolLender {
  readonly #dial: Dial
  readonly #lent = new Map<string, Lent>()
  readonly #byPool = new Map<ConnectionPool, Lent>()

  constructor(dial: Dial) {
    this.#dial = dial
  }

  lend(endpoint: Endpoint, cluster: Cluster): ConnectionPool {
    const key = poolKey(endpoint, cluster)
    const known = this.#lent.get(key)
    if (known !== undefined) {
      known.borrowers++
      return known.pool
    }
    const mesh = endpoint.mesh !== undefined
    const pool = new ConnectionPool({
      name: endpoint.id,
      dial: events => this.#dial(endpoint, cluster.connectTimeoutMs, events),
      maxConnections: mesh ? meshConnections : cluster.concurrency.maxConnectionsPerEndpoint,
      maxPending: cluster.concurrency.maxPending,
      ...(mesh ? { growAt: meshGrowAt } : {}),
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
function poolKey({ id, address, mesh }: Endpoint, cluster: Cluster): string {
  return mesh === undefined ? `${cluster.name} ${id}` : `${address}:${mesh.port} ${mesh.identity}`
}
