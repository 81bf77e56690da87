import { isIPv6 } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'
import type { Cluster } from '../../model/cluster.ts'
import { RequestStats } from '../../telemetry/request-stats.ts'
import { ActiveCluster, type ClusterEnvironment } from './cluster.ts'

/** Destinations that are remembered; the one that was used longest ago goes first. */
const maxClusters = 1024

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function formatAddress({ host, port }: SocketAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}

/** A cluster of one endpoint for each address beyond the mesh that the application calls, counted as one. */
export class PassthroughClusters {
  readonly stats = new RequestStats()
  readonly #environment: ClusterEnvironment
  readonly #clusters = new Map<string, ActiveCluster>()

  constructor(environment: ClusterEnvironment) {
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
    return new ActiveCluster(policyOf(id), [endpoint], this.#environment, this.stats)
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

/** Nothing is known of what is there: it is reached as the application would reach it. */
function policyOf(id: string): Cluster {
  return {
    name: `passthrough ${id}`,
    loadBalancing: 'round-robin',
    // As long as the kernel of an application would wait, about.
    connectTimeoutMs: 10_000,
    circuitBreaker: {
      enabled: false,
      failureRatio: 1,
      minRequests: 1,
      windowMs: 10_000,
      openMs: 1000,
    },
    outlierDetection: {
      enabled: false,
      consecutiveFailures: 1,
      baseEjectionMs: 1000,
      maxEjectionMs: 1000,
      maxEjectedRatio: 0,
      panicRatio: 1,
    },
    retryBudget: { ratio: 0.2, minPerSecond: 10 },
    concurrency: { maxRequests: 16_384, maxPending: 10_000, maxConnectionsPerEndpoint: 1024 },
  }
}
