import type { Random } from '../../base/random.ts'
import type { RequestHead } from '../../http/message.ts'
import type { Route, RetryPolicy } from '../../model/route.ts'
import type { Service } from '../../model/service.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import { compileMatches } from './route-matcher.ts'

/** A {@link Route} with its clusters at hand. */
export interface ActiveRoute {
  readonly name: string
  readonly matches: (request: RequestHead) => boolean
  readonly backends: readonly { readonly cluster: ActiveCluster; readonly weight: number }[]
  /** With that of backends that do not exist. */
  readonly totalWeight: number
  readonly timeoutMs: number | undefined
  readonly retry: RetryPolicy
}

/** A service's routes, first match wins. */
export interface RoutedService {
  readonly name: string
  /** Its own cluster. */
  readonly cluster: ActiveCluster | undefined
  readonly routes: readonly ActiveRoute[]
}

/** All services of one snapshot by the authorities that callers use. Immutable: a new snapshot builds a new one. */
export class RouteTable {
  readonly #byAuthority = new Map<string, RoutedService>()

  constructor(snapshot: Snapshot, clusters: ReadonlyMap<string, ActiveCluster>) {
    const services = Object.values(snapshot.services)
    for (const service of services) {
      const routed = {
        name: service.name,
        cluster: clusters.get(service.name),
        routes: service.routes.map(route => activate(route, clusters)),
      }
      for (const host of service.hosts) this.#byAuthority.set(`${host}:${service.port}`, routed)
      // An authority without a port means port 80, or the only port that the name has.
      if (service.port === 80 || isOnlyPort(service, services))
        for (const host of service.hosts) this.#byAuthority.set(host, routed)
    }
  }

  /** `authority` as callers write it: `orders`, `orders:80`, `orders.default`, with a dot behind the name or without. */
  service(authority: string): RoutedService | undefined {
    return this.#byAuthority.get(authority) ?? this.#byAuthority.get(withoutRoot(authority))
  }
}

/** A name that is complete may end with the dot of the root (RFC 3986 §3.2.2). */
function withoutRoot(authority: string): string {
  return authority.replace(/\.(?=:\d+$|$)/, '')
}

/** The first route that fits. */
export function matchRoute(service: RoutedService, request: RequestHead): ActiveRoute | undefined {
  for (const route of service.routes) if (route.matches(request)) return route
  return undefined
}

/** To a cluster itself. HTTPRoute says nothing of raw bytes, and nobody's routes are for what is beyond the mesh. */
export function directRoute(cluster: ActiveCluster): ActiveRoute {
  return {
    name: 'direct',
    matches: () => true,
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: undefined,
    retry: { attempts: 2, statuses: [], backoffMs: 25 },
  }
}

/** Chooses among the backends by weight; undefined when none may take traffic, or the choice falls on none that exists. */
export function pickCluster(route: ActiveRoute, random: Random): ActiveCluster | undefined {
  const [only] = route.backends
  if (only !== undefined && only.weight > 0 && only.weight === route.totalWeight)
    return only.cluster
  let point = random() * route.totalWeight
  for (const { cluster, weight } of route.backends) {
    point -= weight
    if (weight > 0 && point < 0) return cluster
  }
  return undefined
}

function activate(route: Route, clusters: ReadonlyMap<string, ActiveCluster>): ActiveRoute {
  const backends = route.backends.flatMap(({ cluster: name, weight }) => {
    const cluster = clusters.get(name)
    return cluster === undefined ? [] : [{ cluster, weight }]
  })
  return {
    name: route.name,
    matches: compileMatches(route.matches),
    backends,
    totalWeight: backends.reduce((sum, { weight }) => sum + weight, route.invalidWeight ?? 0),
    timeoutMs: route.timeoutMs,
    retry: route.retry,
  }
}

function isOnlyPort(service: Service, services: readonly Service[]): boolean {
  const host = service.hosts[0]
  return !services.some(other => other !== service && other.hosts[0] === host)
}
