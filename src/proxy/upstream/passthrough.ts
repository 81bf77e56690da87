import { isIPv6 } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { RequestStats } from '../../telemetry/request-stats.ts'
import { ActiveCluster, type ClusterEnvironment } from './cluster.ts'
import { unjudgedPolicy } from './unjudged-policy.ts'

/** Destinations that are remembered; the one that was used longest ago goes first. */
const maxClusters = 1024

/** About as long as the kernel of an application would wait. */
const connectTimeoutMs = 10_000

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function formatAddress({ host, port }: SocketAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** A cluster of one endpoint for each address beyond the mesh that the application calls, counted as one. */
export class PassthroughClusters {
  readonly stats: RequestStats
  readonly #environment: ClusterEnvironment
  readonly #clusters = new Map<string, ActiveCluster>()

  constructor(environment: ClusterEnvironment, stats = new RequestStats()) {
    this.stats = stats
    this.#environment = environment
  }

  to(destination: SocketAddress): ActiveCluster {
    const id = formatAddress(destination)
    const known = this.#clusters.get(id)
    // Named again it is the youngest.
    this.#clusters.delete(id)
    const cluster = known ?? this.#create(id, destination)
    this.#clusters.set(id, cluster)
    if (this.#clusters.size > maxClusters) this.#forgetOldest()
    return cluster
  }

  close(): void {
    for (const cluster of this.#clusters.values()) cluster.close()
    this.#clusters.clear()
  }

  #create(id: string, { host: address, port }: SocketAddress): ActiveCluster {
    const endpoint = { id, address, port, weight: 1, workload: 'beyond the mesh' }
    const policy = unjudgedPolicy(`passthrough ${id}`, connectTimeoutMs)
    return new ActiveCluster(policy, [endpoint], this.#environment, this.stats)
  }

  /** What is in flight is finished. */
  #forgetOldest(): void {
    const [oldest] = this.#clusters
    if (oldest === undefined) return
    const [id, cluster] = oldest
    this.#clusters.delete(id)
    cluster.close()
  }
}
