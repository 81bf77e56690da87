import { rpcPathPattern, type GrpcRouteMatch } from '../../../model/kinds/grpc-route.ts'
import type { RouteMatch } from '../../../model/route.ts'
import { compileHeaders, type Matching } from './matching.ts'

/** GRPCRouteRule.matches in Gateway API. */
export const grpcMatching: Matching<GrpcRouteMatch> = {
  anything: { headers: [] },
  compile: compileMatch,
  compare: byPrecedence,
}

/**
 * A gRPC call is a POST (gRPC over HTTP2); more is not asked, as in Linkerd. Istio and Envoy Gateway compare the path
 * only. By its content type one could tell gRPC for sure, but gRPC-Web and Connect call the same paths of the same
 * servers with types of their own.
 */
function compileMatch({ method, headers }: GrpcRouteMatch): RouteMatch {
  return {
    method: 'POST',
    ...(method !== undefined && { path: compilePath(method) }),
    headers: compileHeaders(headers),
    query: [],
  }
}

type MethodMatch = NonNullable<GrpcRouteMatch['method']>

function compilePath({ type, service, method }: MethodMatch): NonNullable<RouteMatch['path']> {
  if (type === 'RegularExpression' || service === undefined)
    return { kind: 'regex', value: rpcPathPattern({ service, method }) }
  return method === undefined
    ? { kind: 'prefix', value: `/${service}/` }
    : { kind: 'exact', value: `/${service}/${method}` }
}

/** Longest service, longest method, most headers. */
function byPrecedence(a: GrpcRouteMatch, b: GrpcRouteMatch): number {
  return (
    compareNames(a, b, 'service') ||
    compareNames(a, b, 'method') ||
    b.headers.length - a.headers.length
  )
}

/**
 * The length of a name says how specific it is only where it is a name: where patterns stand is left to the
 * implementation. After names, because they say less, and before none; as Envoy Gateway and Istio do.
 */
function compareNames(a: GrpcRouteMatch, b: GrpcRouteMatch, field: 'service' | 'method'): number {
  return (
    nameRank(b, field) - nameRank(a, field) ||
    (b.method?.[field]?.length ?? 0) - (a.method?.[field]?.length ?? 0)
  )
}

function nameRank({ method }: GrpcRouteMatch, field: 'service' | 'method'): number {
  if (method?.[field] === undefined) return 0
  return method.type === 'Exact' ? 2 : 1
}
