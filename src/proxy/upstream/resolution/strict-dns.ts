import { isIP } from 'node:net'
import { ExchangeError } from '../../../base/errors.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import type { Cluster } from '../../../model/cluster.ts'
import type { Endpoint } from '../../../model/endpoint.ts'
import type { Snapshot } from '../../../model/snapshot.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import { Wait } from '../../exchange/wait.ts'
import type { ActiveCluster } from '../cluster.ts'
import { formatAddress } from '../passthrough.ts'
import type { NameResolver } from './name-resolver.ts'
import { NameWatch } from './name-watch.ts'

export interface StrictDnsOptions {
  readonly resolver: NameResolver
  readonly logger: Logger
  readonly random: Random
}

/** Requests that wait for a name's first answer; each may hold 64 KiB of its body. */
const maxWaiting = 1024

/**
 * Clusters whose endpoints are names, as Envoy's STRICT_DNS: all addresses of a name are endpoints. The names of a
 * snapshot are followed as long as it is in force; a name that fails keeps the addresses that it had.
 */
export class StrictDns {
  readonly #options: StrictDnsOptions
  readonly #watches = new Map<string, NameWatch>()
  /** By the cluster's name: what the snapshot in force says. */
  readonly #named = new Map<string, readonly Endpoint[]>()
  readonly #waiting = new Map<ActiveCluster, Set<Wait>>()
  #clusters: ReadonlyMap<string, ActiveCluster> = new Map()
  #total = 0

  constructor(options: StrictDnsOptions) {
    this.#options = options
  }

  /** What a cluster of the snapshot has for endpoints now. */
  endpointsOf({ discovery }: Cluster, endpoints: readonly Endpoint[]): readonly Endpoint[] {
    if (discovery !== 'dns') return endpoints
    const resolved = endpoints.flatMap(endpoint => this.#resolved(endpoint))
    // Two names may lead to one address.
    return [...new Map(resolved.map(endpoint => [endpoint.id, endpoint])).values()]
  }

  /** Follows the names of a snapshot that was applied to `clusters`, and no others. */
  follow(snapshot: Snapshot, clusters: ReadonlyMap<string, ActiveCluster>): void {
    this.#clusters = clusters
    this.#named.clear()
    for (const [name, { discovery }] of Object.entries(snapshot.clusters))
      if (discovery === 'dns') this.#named.set(name, snapshot.endpoints[name] ?? [])
    const wanted = new Set([...this.#named.values()].flat().map(({ address }) => address))
    for (const [name, watch] of this.#watches) {
      if (wanted.has(name)) continue
      watch.close()
      this.#watches.delete(name)
    }
    for (const name of wanted)
      if (isIP(name) === 0 && !this.#watches.has(name)) this.#watches.set(name, this.#watch(name))
    // Who has waited for a name that is no longer followed would wait for ever.
    for (const cluster of this.#waiting.keys()) this.#settle(cluster)
  }

  /** Takes an exchange of a cluster without endpoints: `go` is called when its name has an address, or it is failed. */
  hold(exchange: Exchange, cluster: ActiveCluster, go: () => void): void {
    if (!this.#isPending(cluster)) return exchange.fail(this.#failure(cluster))
    if (this.#total >= maxWaiting) {
      const message = `${maxWaiting} requests wait for names to be resolved already`
      return exchange.fail(new ExchangeError('overloaded', message))
    }
    const waiting = this.#waiting.get(cluster) ?? new Set()
    this.#waiting.set(cluster, waiting)
    const waiter = new Wait(exchange, end => {
      if (end === 'ended') return go()
      if (waiting.delete(waiter)) this.#total--
    })
    exchange.attempt = waiter
    waiting.add(waiter)
    this.#total++
  }

  /** All that wait fail. */
  close(): void {
    for (const watch of this.#watches.values()) watch.close()
    this.#watches.clear()
    this.#options.resolver.close()
    for (const cluster of this.#waiting.keys()) this.#settle(cluster)
  }

  #resolved(endpoint: Endpoint): Endpoint[] {
    const { address: name, port } = endpoint
    if (isIP(name) !== 0) return [endpoint]
    const addresses = this.#watches.get(name)?.addresses ?? []
    return addresses.map(address => ({
      ...endpoint,
      id: formatAddress({ host: address, port }),
      address,
    }))
  }

  #watch(name: string): NameWatch {
    const { resolver, random, logger } = this.#options
    return new NameWatch(name, {
      resolve: resolver.resolve,
      random,
      onChange: watch => {
        const { addresses, failure } = watch
        if (failure === undefined) logger.debug({ name, addresses }, 'a name leads elsewhere')
        else logger.warn({ name, error: failure, kept: addresses }, 'a name cannot be resolved')
        this.#changed(name)
      },
    })
  }

  #changed(name: string): void {
    for (const [clusterName, endpoints] of this.#named) {
      const cluster = this.#clusters.get(clusterName)
      if (cluster === undefined || !endpoints.some(({ address }) => address === name)) continue
      cluster.update(cluster.policy, this.endpointsOf(cluster.policy, endpoints))
      this.#settle(cluster)
    }
  }

  /** Lets those go who waited for it, or fails them, as soon as it is known which. */
  #settle(cluster: ActiveCluster): void {
    const waiting = this.#waiting.get(cluster)
    const isThere = cluster.endpoints.length > 0
    if (waiting === undefined || (!isThere && this.#isPending(cluster))) return
    this.#waiting.delete(cluster)
    this.#total -= waiting.size
    const all = [...waiting]
    // Whoever leaves while they go is not counted twice.
    waiting.clear()
    const failure = this.#failure(cluster)
    for (const waiter of all)
      if (isThere) waiter.end()
      else waiter.fail(failure)
  }

  #isPending({ name }: ActiveCluster): boolean {
    const named = this.#named.get(name) ?? []
    return named.some(({ address }) => this.#watches.get(address)?.pending === true)
  }

  #failure({ name }: ActiveCluster): ExchangeError {
    const named = this.#named.get(name) ?? []
    const reasons = named.flatMap(({ address }) => {
      const failure = this.#watches.get(address)?.failure
      return failure === undefined ? [] : [`${address}: ${failure}`]
    })
    const why = reasons.length === 0 ? 'it is not in the mesh any more' : reasons.join('; ')
    return new ExchangeError('dns_failed', `no address of ${name} is known (${why})`)
  }
}
