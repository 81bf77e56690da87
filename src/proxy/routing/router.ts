import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import type { RequestHead } from '../../http/message.ts'
import type { Route, RetryPolicy } from '../../model/route.ts'
import { isWildcard, type Service } from '../../model/service.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { Filter } from '../exchange/filter.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import { createFilters, type FilterContext } from './filters/create-filters.ts'
import { RouteIndex } from './route-index.ts'
import { SessionFilter } from './session/session-filter.ts'
import type { RouteBreakers, RoutePolicies } from './route-policies.ts'

/** A {@link Route} with its clusters at hand. */
export interface ActiveRoute {
  readonly name: string
  readonly backends: readonly ActiveBackend[]
  /** With that of backends that do not exist. */
  readonly totalWeight: number
  readonly timeoutMs: number | undefined
  readonly retry: RetryPolicy
  /** For requests. Undefined: none. */
  readonly filters?: readonly Filter[] | undefined
  /** For answers that come before a backend is chosen, in the order in which they apply. Undefined: none. */
  readonly responseFilters?: readonly Filter[] | undefined
  /** Undefined: the route keeps no client at an endpoint. */
  readonly session?: SessionFilter | undefined
  /** Absent: there are none. */
  readonly policies?: RoutePolicies | undefined
}

/** Where a route leads. */
export interface ActiveBackend {
  readonly cluster: ActiveCluster
  readonly weight: number
  /** For requests that go there, after those of the route. Undefined: none. */
  readonly filters?: readonly Filter[] | undefined
  /** For answers that come from there, with those of the route. Undefined: none. */
  readonly responseFilters?: readonly Filter[] | undefined
}

/** A service's routes, first match wins. */
export interface RoutedService {
  readonly name: string
  /** Its own cluster. */
  readonly cluster: ActiveCluster | undefined
  readonly routes: readonly ActiveRoute[]
  readonly index: RouteIndex
}

/** A name of 253 characters (RFC 1035 §3.1), the dot of the root, and a port: what is longer is no host's. */
export const longestAuthority = 260

/** What filters of routes work with. */
export interface RouteContext {
  /** Monotonic ms. */
  readonly now: Now
  /** ms since 1970. */
  readonly wallNow: Now
  readonly random: Random
  /** Absent: routes have no policies of their own. */
  readonly breakers?: RouteBreakers
}

/** All services of one snapshot by the authorities that callers use. Immutable: a new snapshot builds a new one. */
export class RouteTable {
  readonly #byAuthority = new Map<string, RoutedService>()
  /** Some host of it is a wildcard, such as `*.example.com`. */
  readonly #hasWildcards: boolean

  constructor(
    snapshot: Snapshot,
    clusters: ReadonlyMap<string, ActiveCluster>,
    context: RouteContext,
  ) {
    const services = Object.values(snapshot.services)
    this.#hasWildcards = services.some(({ hosts }) => hosts.some(isWildcard))
    for (const service of services) {
      const routed = {
        name: service.name,
        cluster: clusters.get(service.name),
        routes: service.routes.map(route => ({
          ...activate(route, { clusters, ...context }),
          policies: context.breakers?.policiesOf(service.name, route),
        })),
        index: indexOf(service.routes),
      }
      for (const host of service.hosts) this.#byAuthority.set(`${host}:${service.port}`, routed)
      // An authority without a port means port 80, or the only port that the name has.
      if (service.port === 80 || isOnlyPort(service, services))
        for (const host of service.hosts) this.#byAuthority.set(host, routed)
    }
  }

  /** `authority` as callers write it: `orders`, `orders:80`, `orders.default`, with a dot behind the name or without. */
  service(authority: string): RoutedService | undefined {
    return (
      this.#byAuthority.get(authority) ??
      this.#byAuthority.get(withoutRoot(authority)) ??
      (this.#hasWildcards ? this.#byWildcard(withoutRoot(authority)) : undefined)
    )
  }

  /** The longest wildcard that ends as the authority does. */
  #byWildcard(authority: string): RoutedService | undefined {
    // Each of its dots costs a look.
    if (authority.length > longestAuthority) return undefined
    for (let dot = authority.indexOf('.'); dot > 0; dot = authority.indexOf('.', dot + 1)) {
      const service = this.#byAuthority.get(`*${authority.slice(dot)}`)
      if (service !== undefined) return service
    }
    return undefined
  }
}

const indices = new WeakMap<readonly Route[], RouteIndex>()

/** Kept with the routes: most snapshots bring other endpoints, and the routes as they were. */
function indexOf(routes: readonly Route[]): RouteIndex {
  const known = indices.get(routes)
  if (known !== undefined) return known
  const index = new RouteIndex(routes)
  indices.set(routes, index)
  return index
}

/** A name that is complete may end with the dot of the root (RFC 3986 §3.2.2). */
function withoutRoot(authority: string): string {
  return authority.replace(/\.(?=:\d+$|$)/, '')
}

/** The first route that fits. */
export function matchRoute(service: RoutedService, request: RequestHead): ActiveRoute | undefined {
  return service.routes[service.index.find(request)]
}

/** To a cluster itself. HTTPRoute says nothing of raw bytes, and nobody's routes are for what is beyond the mesh. */
export function directRoute(cluster: ActiveCluster): ActiveRoute {
  return {
    name: 'direct',
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: undefined,
    retry: { attempts: 2, statuses: [], backoffMs: 25 },
    policies: undefined,
  }
}

/** Chooses among the backends by weight; undefined when none may take traffic, or the choice falls on none that exists. */
export function pickBackend(route: ActiveRoute, random: Random): ActiveBackend | undefined {
  const [only] = route.backends
  if (only !== undefined && only.weight > 0 && only.weight === route.totalWeight) return only
  let point = random() * route.totalWeight
  for (const backend of route.backends) {
    point -= backend.weight
    if (backend.weight > 0 && point < 0) return backend
  }
  return undefined
}

function activate(route: Route, context: FilterContext & RouteContext): ActiveRoute {
  const filters = createFilters(route.filters, context)
  const backends: ActiveBackend[] = []
  const session =
    route.session &&
    new SessionFilter({
      session: route.session,
      route: route.name,
      backends,
      wallNow: context.wallNow,
    })
  const common = session === undefined ? filters : [...filters, session]
  for (const { cluster: name, weight, filters: own } of route.backends) {
    const cluster = context.clusters.get(name)
    if (cluster === undefined) continue
    const ofBackend = createFilters(own, context)
    backends.push({ cluster, weight, ...phasesOf(ofBackend, [...common, ...ofBackend]) })
  }
  return {
    name: route.name,
    backends,
    totalWeight: backends.reduce((sum, { weight }) => sum + weight, route.invalidWeight ?? 0),
    timeoutMs: route.timeoutMs,
    retry: route.retry,
    ...phasesOf(filters, filters),
    session,
  }
}

/** Undefined instead of empty, so that a route without filters costs a request nothing. */
function phasesOf(
  ofRequest: readonly Filter[],
  ofResponse: readonly Filter[],
): Pick<ActiveRoute, 'filters' | 'responseFilters'> {
  const filters = ofRequest.filter(filter => filter.onRequest !== undefined)
  const responseFilters = ofResponse.filter(filter => filter.onResponse !== undefined)
  return {
    filters: filters.length === 0 ? undefined : filters,
    responseFilters: responseFilters.length === 0 ? undefined : responseFilters.toReversed(),
  }
}

function isOnlyPort(service: Service, services: readonly Service[]): boolean {
  const host = service.hosts[0]
  return !services.some(other => other !== service && other.hosts[0] === host)
}
