import type { Configuration } from '../../model/configuration.ts'
import type { ConfigurationProblem } from '../../model/problem.ts'
import type { HeaderMatch, Route, RouteMatch } from '../../model/route.ts'
import { formatFault } from '../kubernetes/status/status-updates.ts'
import { RouteVerdicts } from '../kubernetes/status/route-verdicts.ts'
import type { Verdict } from '../kubernetes/status/condition.ts'
import type { ParentReference } from '../kubernetes/status/status-target.ts'
import type { RouteResource } from '../compilation/route-compiler.ts'
import { compileMesh } from '../compilation/snapshot-builder.ts'

/** What `/routes` answers and `weft routes` shows. */
export interface RouteStatus {
  /** By name; for callers of a namespace with routes of its own there is an entry of their own. */
  readonly services: readonly ServiceRoutes[]
  readonly objects: readonly RouteObject[]
}

export interface ServiceRoutes {
  /** `<service>.<namespace>:<port>`. */
  readonly service: string
  /** Namespace whose callers these routes are for. Absent: those of all that have none of their own. */
  readonly callers?: string
  /** In the order of precedence: the first that fits takes the request. */
  readonly routes: readonly RouteEntry[]
}

export interface RouteEntry {
  /** `<namespace>/<route>/<rule>`, or `default` of a Service without routes. */
  readonly route: string
  /** For people: `GET prefix /a, header x-user = ann`; `all` if it takes every request. */
  readonly match: string
  /** Kinds of its filters, in their order, and `session`. */
  readonly filters: readonly string[]
  readonly backends: readonly BackendEntry[]
  /** Weight of backends that do not exist: that share is answered with 500. */
  readonly invalidWeight: number
}

interface BackendEntry {
  readonly cluster: string
  readonly weight: number
  readonly filters: readonly string[]
}

/** An HTTPRoute or GRPCRoute, with what its status says in a cluster (Gateway API, RouteParentStatus). */
interface RouteObject {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly parents: readonly RouteParent[]
}

interface RouteParent {
  /** `<service>.<namespace>`, with the port if one is named; absent for an object that could not be read. */
  readonly parent?: string
  readonly conditions: readonly Verdict[]
}

/** @param leftOut objects of a cluster that cannot be used. */
export function routeStatus(
  configuration: Configuration,
  leftOut: readonly ConfigurationProblem[] = [],
): RouteStatus {
  const mesh = compileMesh(configuration, [])
  const services = [...mesh.services.values()].flatMap(
    ({ service, namespace, attachedRoutes }): ServiceRoutes[] => [
      { service: service.name, routes: service.routes.map(entryOf) },
      ...[...attachedRoutes]
        .filter(([callers]) => callers !== namespace)
        .map(([callers, routes]) => ({
          service: service.name,
          callers,
          routes: routes.map(entryOf),
        })),
    ],
  )
  return {
    services: services.toSorted((a, b) => (a.service < b.service ? -1 : 1)),
    objects: [...objectsOf(configuration), ...unusable(leftOut)],
  }
}

function entryOf({
  name,
  matches,
  filters,
  session,
  backends,
  invalidWeight = 0,
}: Route): RouteEntry {
  return {
    route: name,
    match: matches.map(formatMatch).join(' or ') || 'all',
    filters: [...kindsOf(filters), ...(session === undefined ? [] : ['session'])],
    backends: backends.map(({ cluster, weight, filters: own }) => ({
      cluster,
      weight,
      filters: kindsOf(own),
    })),
    invalidWeight,
  }
}

function kindsOf(filters: Route['filters'] = []): string[] {
  return filters.map(({ kind }) => kind)
}

function formatMatch({ method, path, headers = [], query = [] }: RouteMatch): string {
  const first = [
    ...(method === undefined ? [] : [method]),
    ...(path === undefined ? [] : [`${path.kind} ${path.value}`]),
  ].join(' ')
  const parts = [
    ...(first === '' ? [] : [first]),
    ...headers.map(match => `header ${formatValue(match)}`),
    ...query.map(match => `query ${formatValue(match)}`),
  ]
  return parts.join(', ') || 'all'
}

function formatValue({ name, kind, value }: HeaderMatch): string {
  return `${name} ${kind === 'exact' ? '=' : '~'} ${value}`
}

function objectsOf(configuration: Configuration): RouteObject[] {
  const verdicts = new RouteVerdicts(configuration)
  const routes: readonly RouteResource[] = [
    ...configuration.httpRoutes,
    ...configuration.grpcRoutes,
  ]
  return routes.map(route => {
    const { kind, metadata } = route
    const { namespace, name } = metadata
    const parents = verdicts.ofRoute(route).map(({ parentRef, verdicts: conditions }) => ({
      parent: formatParent(parentRef, namespace),
      conditions,
    }))
    return { kind, namespace, name, parents }
  })
}

function formatParent(
  { name, namespace, port, sectionName }: ParentReference,
  ownNamespace: string,
): string {
  const which = port ?? sectionName
  return `${name}.${namespace ?? ownNamespace}${which === undefined ? '' : `:${which}`}`
}

/** What is left out has no fields to look at, only a name. */
function unusable(leftOut: readonly ConfigurationProblem[]): RouteObject[] {
  const routes = leftOut.filter(({ file }) => /^(?:HTTP|GRPC)Route /.test(file))
  return [...Map.groupBy(routes, ({ file }) => file)].map(([title, problems]) => {
    const [kind = '', place = ''] = title.split(' ', 2)
    const [namespace = '', name = ''] = place.split('/', 2)
    const message = problems.map(formatFault).join('; ')
    const condition = {
      type: 'Accepted',
      status: 'False',
      reason: 'UnsupportedValue',
      message,
    } as const
    return { kind, namespace, name, parents: [{ conditions: [condition] }] }
  })
}
