import type { Now } from '../base/clock.ts'
import { ExchangeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { RequestHead, WireProtocol } from '../http/message.ts'
import type { SocketAddress } from '../model/bootstrap.ts'
import type { Inbound as SnapshotInbound } from '../model/inbound.ts'
import { RequestStats } from '../telemetry/request-stats.ts'
import { ActiveCluster, type ClusterEnvironment } from './upstream/cluster.ts'
import type { Exchange } from './exchange/exchange.ts'
import { InboundPolicyFilter, type InboundPolicyOptions } from './authorization/inbound-policies.ts'
import { Chain, type Filter } from './exchange/filter.ts'
import { DetectionStats, type Destination } from './listener/plain-listener.ts'
import { PeerFilter } from './filters/peer.ts'
import { StatsFilter } from './filters/stats.ts'
import { Forwarder } from './exchange/forwarder.ts'
import type { FunctionHosting } from '../functions/function-hosting.ts'
import { FunctionPort } from './functions/function-port.ts'
import { invocationTypeHeader, targetPort, targetPortHeader } from './mesh-headers.ts'
import { localRoute } from './local-route.ts'
import type { ActiveRoute } from './routing/router.ts'
import { formatAddress, PassthroughClusters } from './upstream/passthrough.ts'
import { unjudgedPolicy } from './upstream/unjudged-policy.ts'

export interface InboundOptions {
  readonly application: { readonly host: string; readonly ports: readonly number[] }
  readonly environment: ClusterEnvironment
  readonly accessLog: Filter
  /** Filters before those of the policies. */
  readonly guards: readonly Filter[]
  /** Filters of what the policies let in. Default: none. */
  readonly admitted?: readonly Filter[]
  /** Plugins of this direction. Absent: there are none. */
  readonly plugins?: Filter | undefined
  /** Present: this sidecar hosts a function, and has no application. */
  readonly functions?: FunctionHosting | undefined
  readonly policies: Pick<InboundPolicyOptions, 'outboundPort' | 'share'>
  readonly now: Now
  readonly wallNow: Now
  readonly random: Random
}

interface LocalPort {
  readonly cluster: ActiveCluster
  readonly route: ActiveRoute
  readonly protocol: WireProtocol
  readonly port: number
}

/** Calls from the mesh to the local application: one cluster a port, of one endpoint each. */
export class Inbound {
  readonly clusters = new Map<string, ActiveCluster>()
  /** Requests that reached no port. */
  readonly unrouted = new RequestStats()
  /** Of captured connections; those of sidecars are judged by their listener. Set by each snapshot. */
  mtls: 'strict' | 'permissive' = 'strict'
  /** Ports that the application does not declare, in transparent mode. */
  readonly passthrough: PassthroughClusters
  readonly policies: InboundPolicyFilter
  readonly chain: Chain
  /** By what the header between sidecars says. */
  readonly #ports = new Map<string, LocalPort>()
  readonly detections = new DetectionStats()
  readonly #functions: FunctionPort | undefined
  readonly #now: Now
  readonly #host: string
  readonly #defaultPort: number

  constructor(options: InboundOptions) {
    const { application, environment, accessLog, guards, plugins, now, random } = options
    this.#host = application.host
    this.#defaultPort = application.ports[0] ?? 0
    this.passthrough = new PassthroughClusters(environment)
    this.#now = now
    for (const port of application.ports) {
      const cluster = localCluster(application.host, port, environment)
      this.clusters.set(cluster.name, cluster)
      const route = localRoute(cluster)
      for (const protocol of ['http/1.1', 'h2', 'tcp'] as const)
        this.#ports.set(targetPort(port, protocol), { cluster, route, protocol, port })
    }
    const forwarder = new Forwarder(random)
    this.#functions = createFunctionPort(options, forwarder.forward)
    if (this.#functions !== undefined)
      this.clusters.set(this.#functions.cluster.name, this.#functions.cluster)
    this.policies = new InboundPolicyFilter({ ...options.policies, ...options })
    const router: Filter = { onRequest: exchange => this.#route(exchange) }
    this.chain = new Chain({
      filters: [
        accessLog,
        new StatsFilter(this.unrouted),
        new PeerFilter(),
        ...guards,
        router,
        this.policies,
        ...(options.admitted ?? []),
        ...(plugins === undefined ? [] : [plugins]),
        ...(this.#functions === undefined ? [] : [this.#functions]),
        forwarder,
      ],
      terminal: this.#functions?.serve ?? forwarder.forward,
      now,
    })
  }

  /** By the numbers of the application's ports. */
  limitConcurrency(policies: SnapshotInbound['adaptiveConcurrency'] = {}): void {
    for (const [name, cluster] of this.clusters) {
      const { adaptiveConcurrency: former, ...policy } = cluster.policy
      const own = policies[name.slice(localPrefix.length)]
      if (own === undefined && former === undefined) continue
      const endpoints = cluster.endpoints.map(({ endpoint }) => endpoint)
      cluster.update({ ...policy, ...(own && { adaptiveConcurrency: own }) }, endpoints)
    }
  }

  close(): void {
    for (const cluster of this.clusters.values()) cluster.close()
    this.passthrough.close()
    this.policies.close()
    this.#functions?.close()
  }

  /** For a captured connection, which was going to a port of this machine. */
  captured({ port }: SocketAddress): Destination {
    const cluster = this.#ports.get(targetPort(port, 'tcp'))?.cluster
    return {
      authority: formatAddress({ host: this.#host, port }),
      appProtocol: () => undefined,
      warm: () => cluster?.warm(this.#now()),
      detections: this.detections,
    }
  }

  /** Only ports that were declared can be reached, whatever the peer asks for. */
  #route(exchange: Exchange): boolean {
    const { headers } = exchange.request
    const { originalDestination } = exchange.stream.connection
    if (this.#functions !== undefined) {
      // A refusal is to have the shape that its caller knows.
      exchange.invokes = headers.has(invocationTypeHeader)
      exchange.cluster = this.#functions.cluster
      return true
    }
    const asked = headers.get(targetPortHeader)
    headers.delete(targetPortHeader)
    if (originalDestination !== undefined)
      return this.#routeCaptured(exchange, originalDestination.port)
    const port = asked ?? targetPort(this.#defaultPort, protocolOf(exchange.request))
    const target = this.#ports.get(port)
    if (target === undefined) {
      exchange.fail(new ExchangeError('no_route', `the application declares no port ${port}`))
      return false
    }
    // The body of another request would reach the application as bytes, past what policies see of it.
    if ((target.protocol === 'tcp') !== (exchange.request.method === 'CONNECT')) {
      exchange.fail(
        new ExchangeError('bad_request', 'raw bytes are for a CONNECT, and for no other'),
      )
      return false
    }
    exchange.localPort = target.port
    exchange.cluster = target.cluster
    exchange.route = target.route
    exchange.upstreamProtocol = target.protocol
    return true
  }

  /** Nobody's certificate stands behind it, and its address says where it goes. */
  #routeCaptured(exchange: Exchange, port: number): boolean {
    if (this.mtls === 'strict') {
      exchange.fail(
        new ExchangeError('denied', 'this mesh takes mTLS only (Mesh.spec.mtls: strict)'),
      )
      return false
    }
    const protocol = protocolOf(exchange.request)
    const target = this.#ports.get(targetPort(port, protocol))
    const cluster = target?.cluster ?? this.passthrough.to({ host: this.#host, port })
    exchange.localPort = port
    exchange.cluster = cluster
    exchange.route = target?.route ?? localRoute(cluster)
    exchange.upstreamProtocol = protocol
    return true
  }
}

function createFunctionPort(
  options: InboundOptions,
  forward: (exchange: Exchange) => void,
): FunctionPort | undefined {
  const { functions: hosting, environment, now, wallNow } = options
  return hosting && new FunctionPort({ hosting, environment, forward, now, wallNow })
}

/** What to speak to the application for who is no sidecar: what the client speaks. */
function protocolOf({ version, upgrade, method }: RequestHead): WireProtocol {
  if (upgrade !== undefined) return 'http/1.1'
  if (method === 'CONNECT') return 'tcp'
  return version === '2' ? 'h2' : 'http/1.1'
}

/** Of the names of its clusters, before the port. */
const localPrefix = 'local:'

/** On this machine: what takes longer does not listen. */
const connectTimeoutMs = 1000

/** The caller's sidecar judges endpoints; here a failing application is passed on as it is. */
function localCluster(host: string, port: number, environment: ClusterEnvironment): ActiveCluster {
  const id = `${host}:${port}`
  const endpoint = { id, address: host, port, weight: 1, workload: 'local application' }
  return new ActiveCluster(
    unjudgedPolicy(`${localPrefix}${port}`, connectTimeoutMs),
    [endpoint],
    environment,
  )
}
