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
}

/**
 * A port of a Service has one kind of routes. GEP-1294 lets those for gRPC hold where both are given, and the others
 * would do nothing; whoever wrote them should hear of it.
 */
export function checkRouteKinds(sources: readonly Sourced[], report: Report): void {
  const parents = sources.flatMap(parentsOf)
  const grpc = parents.filter(({ source }) => source.resource.kind === 'GRPCRoute')
  for (const parent of parents) {
    if (parent.source.resource.kind !== 'HTTPRoute') continue
    const rival = grpc.find(other => meets(parent, other))
    if (rival === undefined) continue
    const { metadata } = rival.source.resource
    const where = parent.port === undefined ? '' : `port ${parent.port} of `
    report(
      parent.source,
      ['spec', 'parentRefs', parent.index],
      `${where}${parent.service} has the GRPCRoute ${metadata.name}.${metadata.namespace} too: a port has one kind of routes`,
    )
  }
}

function meets(a: Parent, b: Parent): boolean {
  if (a.service !== b.service) return false
  return a.port === undefined || b.port === undefined || a.port === b.port
}

function parentsOf({ resource, document }: Sourced): Parent[] {
  if (resource.kind !== 'HTTPRoute' && resource.kind !== 'GRPCRoute') return []
  return resource.spec.parentRefs.map(({ name, namespace, port }, index) => ({
    source: { resource, document },
    index,
    service: `${name}.${namespace ?? resource.metadata.namespace}`,
    port,
  }))
}
