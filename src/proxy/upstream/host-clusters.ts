import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import { isWildcard } from '../../model/service.ts'
import { ActiveCluster, type ClusterEnvironment } from './cluster.ts'

/** Hosts that are remembered; the one that was called longest ago goes first. */
const maxHosts = 1024

const hostPattern = /^(?=.{1,253}(?::|$))([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)\.?(?::\d{1,5})?$/

interface CalledHost {
  readonly host: string
  readonly wildcard: ActiveCluster
  readonly cluster: ActiveCluster
}

/**
 * For clusters of a wildcard, which stand for whatever host is called, as Envoy's dynamic forward proxy: a cluster for each
 * host, counted as one with the others of its wildcard. The host is resolved when it is connected to, and checked by its own name.
 */
export class HostClusters {
  readonly #environment: ClusterEnvironment
  readonly #called = new Map<string, CalledHost>()

  constructor(environment: ClusterEnvironment) {
    this.#environment = environment
  }

  /** @param authority as it was called. @returns undefined when that is no name of a host below the wildcard. */
  of(wildcard: ActiveCluster, authority: string): ActiveCluster | undefined {
    const host = hostPattern.exec(authority)?.[1]
    // Where the destination was fixed, as by a local port, nobody has looked at the authority yet.
    if (host === undefined || !host.endsWith(suffixOf(wildcard.name))) return undefined
    const key = `${wildcard.name} ${host}`
    const known = this.#called.get(key)
    // Named again it is the youngest.
    this.#called.delete(key)
    const called = known ?? { host, wildcard, cluster: this.#create(wildcard, host) }
    this.#called.set(key, called)
    if (this.#called.size > maxHosts) this.#forget(this.#called.keys().next().value ?? key)
    return called.cluster
  }

  /** A snapshot has come into force. */
  applied(clusters: ReadonlyMap<string, ActiveCluster>): void {
    for (const [key, { host, wildcard, cluster }] of this.#called)
      if (clusters.get(wildcard.name) !== wildcard) this.#forget(key)
      else cluster.update(policyOf(wildcard.policy, host), endpointsOf(wildcard, host))
  }

  close(): void {
    for (const key of this.#called.keys()) this.#forget(key)
  }

  #create(wildcard: ActiveCluster, host: string): ActiveCluster {
    const endpoints = endpointsOf(wildcard, host)
    const policy = policyOf(wildcard.policy, host)
    return new ActiveCluster(policy, endpoints, this.#environment, wildcard.stats)
  }

  /** What is in flight is finished. */
  #forget(key: string): void {
    this.#called.get(key)?.cluster.close()
    this.#called.delete(key)
  }
}

/** `.example.com` of `*.example.com:443`. */
function suffixOf(name: string): string {
  return name.slice(1, name.lastIndexOf(':'))
}

function policyOf(policy: Cluster, host: string): Cluster {
  const { tls } = policy
  const isOwnName = tls !== undefined && isWildcard(tls.serverName)
  // Pools are told apart by the name.
  const name = `${policy.name} ${host}`
  return { ...policy, name, ...(isOwnName && { tls: { ...tls, serverName: host } }) }
}

function endpointsOf({ endpoints }: ActiveCluster, host: string): Endpoint[] {
  return endpoints.map(({ endpoint }) => ({
    ...endpoint,
    id: `${host}:${endpoint.port}`,
    address: host,
    workload: host,
  }))
}
