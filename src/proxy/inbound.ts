import type { Now } from '../base/clock.ts'
import { ExchangeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { RequestHead, WireProtocol } from '../http/message.ts'
import type { Cluster } from '../model/cluster.ts'
import { RequestStats } from '../telemetry/request-stats.ts'
import { ActiveCluster, type ClusterEnvironment } from './upstream/cluster.ts'
import type { Exchange } from './exchange/exchange.ts'
import { Chain, type Filter } from './exchange/filter.ts'
import { PeerFilter } from './filters/peer.ts'
import { StatsFilter } from './filters/stats.ts'
import { Forwarder } from './exchange/forwarder.ts'
import { attemptHeader, targetPort, targetPortHeader } from './mesh-headers.ts'
import type { ActiveRoute } from './routing/router.ts'

export interface InboundOptions {
  readonly application: { readonly host: string; readonly ports: readonly number[] }
  readonly environment: ClusterEnvironment
  readonly accessLog: Filter
  /** Guards in the order of the chain: authorization, rate limits. */
  readonly guards: readonly Filter[]
  readonly now: Now
  readonly random: Random
}

interface LocalPort {
  readonly cluster: ActiveCluster
  readonly route: ActiveRoute
  readonly protocol: WireProtocol
}

/** Calls from the mesh to the local application: one cluster a port, of one endpoint each. */
export class Inbound {
  readonly clusters = new Map<string, ActiveCluster>()
  /** Requests that reached no port. */
  readonly unrouted = new RequestStats()
  readonly chain: Chain
  /** By what the header between sidecars says. */
  readonly #ports = new Map<string, LocalPort>()
  readonly #defaultPort: number

  constructor({ application, environment, accessLog, guards, now, random }: InboundOptions) {
    this.#defaultPort = application.ports[0] ?? 0
    for (const port of application.ports) {
      const cluster = localCluster(application.host, port, environment)
      this.clusters.set(cluster.name, cluster)
      const route = localRoute(cluster)
      for (const protocol of ['http/1.1', 'h2', 'tcp'] as const)
        this.#ports.set(targetPort(port, protocol), { cluster, route, protocol })
    }
    const forwarder = new Forwarder(random)
    const router: Filter = { onRequest: exchange => this.#route(exchange) }
    this.chain = new Chain({
      filters: [
        accessLog,
        new StatsFilter(this.unrouted),
        new PeerFilter(),
        ...guards,
        router,
        forwarder,
      ],
      terminal: forwarder.forward,
      now,
    })
  }

  close(): void {
    for (const cluster of this.clusters.values()) cluster.close()
  }

  /** Only ports that were declared can be reached, whatever the peer asks for. */
  #route(exchange: Exchange): boolean {
    const { headers } = exchange.request
    const port = headers.get(targetPortHeader) ?? this.#defaultTarget(exchange.request)
    headers.delete(targetPortHeader)
    headers.delete(attemptHeader)
    const target = this.#ports.get(port)
    if (target === undefined) {
      exchange.fail(new ExchangeError('no_route', `the application declares no port ${port}`))
      return false
    }
    exchange.cluster = target.cluster
    exchange.route = target.route
    exchange.upstreamProtocol = target.protocol
    return true
  }

  /** For who is no sidecar. */
  #defaultTarget({ version, upgrade }: RequestHead): string {
    const isHttp2 = version === '2' && upgrade === undefined
    return targetPort(this.#defaultPort, isHttp2 ? 'h2' : 'http/1.1')
  }
}

function localCluster(host: string, port: number, environment: ClusterEnvironment): ActiveCluster {
  const id = `${host}:${port}`
  const endpoint = { id, address: host, port, weight: 1, workload: 'local application' }
  return new ActiveCluster(localPolicy(`local:${port}`), [endpoint], environment)
}

/** The caller's sidecar judges endpoints; here a failing application is passed on as it is. */
function localPolicy(name: string): Cluster {
  return {
    name,
    loadBalancing: 'round-robin',
    connectTimeoutMs: 1000,
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

/** One retry, for the application's closing of an idle connection; the rest is up to the caller. */
function localRoute(cluster: ActiveCluster): ActiveRoute {
  return {
    name: 'inbound',
    matches: () => true,
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: undefined,
    retry: { attempts: 1, statuses: [], backoffMs: 1 },
  }
}
