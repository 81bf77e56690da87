import type { Now } from '../base/clock.ts'
import { ExchangeError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { RequestHead } from '../http/message.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { RequestStats } from '../telemetry/request-stats.ts'
import type { SocketAddress, TransparentBootstrap } from '../model/bootstrap.ts'
import type { OutboundTrafficPolicy } from '../model/outbound.ts'
import { ActiveCluster, type ClusterEnvironment } from './upstream/cluster.ts'
import { HostClusters } from './upstream/host-clusters.ts'
import { formatAddress, PassthroughClusters } from './upstream/passthrough.ts'
import type { StrictDns } from './upstream/resolution/strict-dns.ts'
import type { Exchange } from './exchange/exchange.ts'
import { applyFilters, applyResponseFilters } from './routing/filters/apply-filters.ts'
import { DetectionStats, type Destination } from './listener/plain-listener.ts'
import { Chain, type Filter } from './exchange/filter.ts'
import { AffinityCookieFilter } from './filters/affinity-cookie.ts'
import { RequestIdFilter } from './filters/request-id.ts'
import { StatsFilter } from './filters/stats.ts'
import { Forwarder } from './exchange/forwarder.ts'
import type { Activator } from './functions/activator.ts'
import { InvokeApi } from './functions/invoke-api.ts'
import { honouredOfApplication, stripControlHeaders } from './mesh-headers.ts'
import { RouteBreakers } from './routing/route-policies.ts'
import {
  matchRoute,
  pickBackend,
  RouteTable,
  directRoute,
  longestAuthority,
  type ActiveRoute,
  type RoutedService,
} from './routing/router.ts'

export interface OutboundOptions {
  readonly environment: ClusterEnvironment
  readonly accessLog: Filter
  /** After what only sidecars may say is taken away, before the route is chosen. Default: none. */
  readonly guards?: readonly Filter[]
  readonly now: Now
  /** ms since 1970. */
  readonly wallNow: Now
  readonly random: Random
  /** For functions that run nowhere. Absent: calls of them fail at once. */
  readonly activator?: Activator
  /** For clusters whose endpoints are names. */
  readonly strictDns: StrictDns
  /** Plugins of this direction. Absent: there are none. */
  readonly plugins?: Filter | undefined
  /** Present in transparent mode. */
  readonly transparent?: TransparentBootstrap
}

/** Before any filter of ours sets one. */
const stripControl: Filter = {
  onRequest({ request }) {
    stripControlHeaders(request.headers, honouredOfApplication)
    return true
  },
}

/** An address or a name with a dot: one without is a name of the mesh, perhaps with a slip in it. */
const beyondPattern = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+\.[^:[\]]+)):(\d{1,5})$/

function addressBeyond(authority: string): SocketAddress | undefined {
  // With many dots the pattern takes the square of their time.
  if (authority.length > longestAuthority) return undefined
  const [, six, host = six, port] = beyondPattern.exec(authority) ?? []
  return host === undefined ? undefined : { host, port: Number(port) }
}

/** The application's calls to others: clusters and routes of the snapshot in force. */
export class Outbound {
  readonly clusters = new Map<string, ActiveCluster>()
  /** Requests that reached no cluster. */
  readonly unrouted = new RequestStats()
  readonly detections = new DetectionStats()
  /** Destinations beyond the mesh, in transparent mode. */
  readonly passthrough: PassthroughClusters
  readonly routeBreakers: RouteBreakers
  readonly #options: OutboundOptions
  readonly #requestId = new RequestIdFilter()
  readonly #affinityCookie = new AffinityCookieFilter()
  readonly #invokeApi = new InvokeApi(
    // Before the first snapshot the router says that nothing is known yet.
    authority => this.#table === undefined || this.#table.service(authority) !== undefined,
  )
  readonly #hosts: HostClusters
  readonly #forwarder: Forwarder
  #table: RouteTable | undefined
  #trafficPolicy: OutboundTrafficPolicy = 'registryOnly'

  constructor(options: OutboundOptions) {
    this.#options = options
    this.routeBreakers = new RouteBreakers(options.now)
    this.passthrough = new PassthroughClusters(options.environment)
    this.#hosts = new HostClusters(options.environment)
    this.#forwarder = new Forwarder(options.random, options.activator, options.strictDns)
  }

  /** Swaps in a consistent snapshot; exchanges under way finish as they began. */
  apply(snapshot: Snapshot): void {
    const { strictDns } = this.#options
    for (const [name, policy] of Object.entries(snapshot.clusters)) {
      const endpoints = strictDns.endpointsOf(policy, snapshot.endpoints[name] ?? [])
      const cluster = this.clusters.get(name)
      if (cluster === undefined)
        this.clusters.set(name, new ActiveCluster(policy, endpoints, this.#options.environment))
      else cluster.update(policy, endpoints)
    }
    // Make before break: the new table no longer leads to the clusters that go.
    const { now, wallNow, random } = this.#options
    this.#table = new RouteTable(snapshot, this.clusters, {
      now,
      wallNow,
      random,
      breakers: this.routeBreakers,
    })
    this.routeBreakers.settle()
    this.#trafficPolicy =
      this.#options.transparent?.outboundTrafficPolicy ?? snapshot.outbound.trafficPolicy
    for (const [name, cluster] of this.clusters) {
      if (Object.hasOwn(snapshot.clusters, name)) continue
      this.clusters.delete(name)
      cluster.close()
    }
    this.#hosts.applied(this.clusters)
    strictDns.follow(snapshot, this.clusters)
    this.#options.activator?.applied(this.clusters)
  }

  /** The chain of a listener. `service`: all its requests go there; otherwise their authority decides. */
  chain(service?: string): Chain {
    const router: Filter = {
      onRequest: exchange => this.#route(exchange, service ?? exchange.request.authority),
      onResponse: applyResponseFilters,
    }
    const api = service === undefined ? [this.#invokeApi] : []
    const { plugins } = this.#options
    return new Chain({
      filters: [
        this.#options.accessLog,
        new StatsFilter(this.unrouted),
        stripControl,
        ...(plugins === undefined ? [] : [plugins]),
        this.#requestId,
        ...(this.#options.guards ?? []),
        ...api,
        router,
        this.#affinityCookie,
        this.#forwarder,
      ],
      terminal: this.#forwarder.forward,
      now: this.#options.now,
    })
  }

  /** For a connection that was going there when it was captured. */
  captured(original: SocketAddress): Destination {
    const destination = this.destination(formatAddress(original))
    if (this.#table?.service(destination.authority) !== undefined) return destination
    return { ...destination, named: serverName => `${serverName}:${original.port}` }
  }

  /** For a listener whose connections all go to `service`. */
  destination(service: string): Destination {
    const cluster = (): ActiveCluster | undefined => this.#table?.service(service)?.cluster
    return {
      authority: service,
      appProtocol: () => cluster()?.policy.appProtocol,
      warm: () => cluster()?.warm(this.#options.now()),
      detections: this.detections,
    }
  }

  close(): void {
    for (const cluster of this.clusters.values()) cluster.close()
    this.clusters.clear()
    this.routeBreakers.close()
    this.passthrough.close()
    this.#hosts.close()
    this.#options.strictDns.close()
  }

  #route(exchange: Exchange, authority: string): boolean {
    const service = this.#table?.service(authority)
    if (service !== undefined) return this.#choose(exchange, service)
    const { originalDestination } = exchange.stream.connection
    if (originalDestination !== undefined && this.#table !== undefined)
      return this.#routeCaptured(exchange, originalDestination)
    const beyond = authority === exchange.request.authority && this.#beyond(exchange.request)
    if (beyond) return this.#sendBeyond(exchange, beyond)
    exchange.fail(this.#unknown(authority))
    return false
  }

  /** Where a CONNECT may go that names nothing of the mesh. */
  #beyond({ method, authority }: RequestHead): SocketAddress | undefined {
    if (method !== 'CONNECT' || this.#table === undefined) return undefined
    return this.#trafficPolicy === 'allowAny' ? addressBeyond(authority) : undefined
  }

  #sendBeyond(exchange: Exchange, address: SocketAddress): boolean {
    const cluster = this.passthrough.to(address)
    return this.#send(exchange, directRoute(cluster), cluster)
  }

  /** The name says nothing to us, but the address may; and beyond the mesh it goes where it was going. */
  #routeCaptured(exchange: Exchange, original: SocketAddress): boolean {
    const address = formatAddress(original)
    const service = this.#table?.service(address)
    if (service !== undefined) return this.#choose(exchange, service)
    if (this.#trafficPolicy === 'registryOnly') {
      const { authority } = exchange.request
      exchange.fail(
        new ExchangeError(
          'no_route',
          `neither ${JSON.stringify(authority)} nor ${address} is in the mesh, and outboundTrafficPolicy is registryOnly: add a ServiceEntry for it`,
        ),
      )
      return false
    }
    return this.#sendBeyond(exchange, original)
  }

  #choose(exchange: Exchange, service: RoutedService): boolean {
    if (exchange.request.method === 'CONNECT' && service.cluster !== undefined)
      return this.#send(exchange, directRoute(service.cluster), service.cluster)
    const route = matchRoute(service, exchange.request)
    if (route === undefined) {
      exchange.fail(
        new ExchangeError('no_route', `no route of ${service.name} matches the request`),
      )
      return false
    }
    exchange.route = route
    exchange.responseFilters = route.responseFilters
    if (route.filters !== undefined && !applyFilters(exchange, route.filters)) return false
    const backend = route.session?.begin(exchange) ?? pickBackend(route, this.#options.random)
    if (backend === undefined) {
      exchange.fail(
        new ExchangeError(
          'no_backend',
          `route ${route.name} leads this request to no backend that exists and has a weight`,
        ),
      )
      return false
    }
    exchange.responseFilters = backend.responseFilters
    if (backend.filters !== undefined && !applyFilters(exchange, backend.filters)) return false
    return this.#send(exchange, route, backend.cluster)
  }

  #send(exchange: Exchange, route: ActiveRoute, chosen: ActiveCluster): boolean {
    const { authority } = exchange.request
    const cluster = chosen.policy.discovery === 'host' ? this.#hosts.of(chosen, authority) : chosen
    if (cluster === undefined) {
      exchange.fail(this.#unknown(authority))
      return false
    }
    exchange.route = route
    exchange.cluster = cluster
    exchange.upstreamProtocol = cluster.protocolFor(exchange.request)
    // RFC 9113 §8.3.1: what goes by TLS says so, to servers that look.
    if (cluster.policy.tls !== undefined) exchange.request.scheme = 'https'
    return true
  }

  #unknown(authority: string): ExchangeError {
    return this.#table === undefined
      ? new ExchangeError('not_ready', 'no snapshot has come from the control plane yet')
      : new ExchangeError(
          'no_route',
          `no service of the mesh is called ${JSON.stringify(authority)}`,
        )
  }
}
