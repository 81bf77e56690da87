import type { GrpcRouteResource } from '../kinds/grpc-route.ts'
import type { HttpRouteResource } from '../kinds/http-route.ts'
import type { Report } from './references.ts'
import type { Sourced } from './validate.ts'

type RouteResource = HttpRouteResource | GrpcRouteResource

interface Parent {
  readonly source: Sourced<RouteResource>
  /** Among the `parentRefs`. */
  readonly index: number
  /** `orders.default`. */
  readonly service: string
  /** Undefined: all of them. */
  readonly port: number | undefined
  /** Name of the port; undefined: it is given by its number, or all are meant. */
  readonly sectionName: string | undefined
}

/**
 * A port of a Service has one kind of routes. GEP-1294 lets those for gRPC hold where both are given, and the others
 * would do nothing; whoever wrote them should hear of it. Those of different namespaces never hold at once.
 */
export function checkRouteKinds(sources: readonly Sourced[], report: Report): void {
  const parents = sources.flatMap(parentsOf)
  const grpc = parents.filter(({ source }) => source.resource.kind === 'GRPCRoute')
  for (const parent of parents) {
    if (parent.source.resource.kind !== 'HTTPRoute') continue
    const rival = grpc.find(other => meets(parent, other))
    if (rival === undefined) continue
    const { name } = rival.source.resource.metadata
    const { document } = rival.source
    const { line } = document.locate(['spec', 'parentRefs', rival.index])
    const where = parent.port === undefined ? '' : `port ${parent.port} of `
    report(
      parent.source,
      ['spec', 'parentRefs', parent.index],
      `${where}${parent.service} has GRPCRoute ${name} (${document.file}:${line}), and a port has one kind of routes: write all of them as HTTPRoutes, or give these another port`,
    )
  }
}

function meets(a: Parent, b: Parent): boolean {
  if (a.service !== b.service || namespaceOf(a) !== namespaceOf(b)) return false
  return meet(a.port, b.port) && meet(a.sectionName, b.sectionName)
}

function meet<T>(a: T | undefined, b: T | undefined): boolean {
  return a === undefined || b === undefined || a === b
}

function namespaceOf({ source }: Parent): string {
  return source.resource.metadata.namespace
}

function parentsOf({ resource, document }: Sourced): Parent[] {
  if (resource.kind !== 'HTTPRoute' && resource.kind !== 'GRPCRoute') return []
  return resource.spec.parentRefs.map(({ name, namespace, port, sectionName }, index) => ({
    source: { resource, document },
    index,
    service: `${name}.${namespace ?? resource.metadata.namespace}`,
    port,
    sectionName,
  }))
}
