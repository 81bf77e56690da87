import type { GrpcRouteResource } from '../../model/kinds/grpc-route.ts'
import type { HttpRouteResource, HttpRouteRule } from '../../model/kinds/http-route.ts'
import type { RetryPolicy, Route, RouteMatch, WeightedCluster } from '../../model/route.ts'
import { grpcMatching } from './matching/grpc-matching.ts'
import { httpMatching } from './matching/http-matching.ts'
import type { BackendReference } from './matching/backend-index.ts'
import { compileFilters } from './matching/filter-compiler.ts'
import type { Matching } from './matching/matching.ts'
import { compileSession } from './matching/session-compiler.ts'
import type { RoutePolicy } from './route-policy-compiler.ts'
import type { RuleName } from './traffic-policies.ts'

export interface RouteContext {
  /** By the TrafficPolicy of the Service that the route is attached to. */
  readonly retry: RetryPolicy
  /** What a rule has from TrafficPolicies. Default: {@link retry}. */
  readonly policyOf?: (rule: RuleName) => RoutePolicy
  /** Name of the cluster of a Service's port, without a port of its only one, or of a Function. Undefined: there is none. */
  readonly clusterOf: (backend: BackendReference) => string | undefined
  /** Of the Service: what its callers make tokens of sessions with, base64url. */
  readonly sessionKey: string
}

export type RouteResource = HttpRouteResource | GrpcRouteResource

/**
 * The rules of all routes of one Service in the order of Gateway API's precedence, one Route per match, so that
 * the first that fits is the right one. GEP-1294: a port has one kind of routes, and where two are given those for
 * gRPC hold. What a mesh reads from files never gets here with two.
 */
export function compileRoutes(routes: readonly RouteResource[], context: RouteContext): Route[] {
  const grpcRoutes = routes.filter(route => route.kind === 'GRPCRoute')
  if (grpcRoutes.length > 0) return compileKind(grpcRoutes, grpcMatching, context)
  const httpRoutes = routes.filter(route => route.kind === 'HTTPRoute')
  return compileKind(httpRoutes, httpMatching, context)
}

interface RouteOf<M> {
  readonly kind: string
  readonly metadata: RouteResource['metadata']
  readonly spec: { readonly rules: readonly RuleOf<M>[] }
}

/** Only HTTPRoute has timeouts and retries of its own. */
interface RuleOf<M>
  extends
    Pick<HttpRouteRule, 'name' | 'filters' | 'backendRefs' | 'sessionPersistence'>,
    Partial<Pick<HttpRouteRule, 'timeouts' | 'retry'>> {
  readonly matches: readonly M[]
}

function compileKind<M>(
  routes: readonly RouteOf<M>[],
  matching: Matching<M>,
  context: RouteContext,
): Route[] {
  const candidates = routes.flatMap(({ kind, metadata, spec }) =>
    spec.rules.flatMap((rule, index) => {
      const name = `${metadata.namespace}/${metadata.name}/${index}`
      const { timeoutMs, ...policy } =
        context.policyOf?.({ kind, metadata, rule: rule.name }) ?? noPolicy(context)
      const ruleContext = { ...context, retry: policy.retry }
      const matches = rule.matches.length === 0 ? [matching.anything] : rule.matches
      return matches.map(match => {
        const compiled = matching.compile(match)
        const place = { name, namespace: metadata.namespace, match: compiled }
        const route = compileRule(rule, place, ruleContext)
        return { match, route: { ...policy, ...route, ...timeoutOf(rule, timeoutMs) } }
      })
    }),
  )
  // The sort is stable: what is equal stays in the order of names and rules.
  return candidates.toSorted((a, b) => matching.compare(a.match, b.match)).map(({ route }) => route)
}

/** Of a Route: one match of one rule. */
interface Place {
  /** Of the Route. */
  readonly name: string
  readonly namespace: string
  readonly match: RouteMatch
}

function compileRule(rule: RuleOf<unknown>, place: Place, context: RouteContext): Route {
  const { name, namespace, match } = place
  const { clusterOf } = context
  const filterContext = { namespace, clusterOf, path: match.path }
  const backends: WeightedCluster[] = []
  let invalidWeight = 0
  for (const reference of rule.backendRefs) {
    const { weight } = reference
    const cluster = clusterOf({ ...reference, namespace: reference.namespace ?? namespace })
    const own = compileFilters(reference.filters, filterContext)
    if (cluster === undefined) invalidWeight += weight
    else backends.push({ cluster, weight, ...(own !== undefined && { filters: own }) })
  }
  const filters = compileFilters(rule.filters, filterContext)
  const session = compileSession(rule.sessionPersistence, place, context.sessionKey)
  return {
    name,
    matches: [match],
    backends,
    // Gateway API, HTTPRouteRule.backendRefs: others must not take over the share of one that does not exist.
    ...(invalidWeight > 0 && { invalidWeight }),
    retry: compileRuleRetry(rule, context.retry),
    ...(filters !== undefined && { filters }),
    ...(session !== undefined && { session }),
  }
}

/** Gateway API: 0s switches the limit off. */
function timeoutOf(
  { timeouts }: RuleOf<unknown>,
  policyMs: number | undefined,
): Pick<Route, 'timeoutMs'> {
  const timeoutMs = timeouts?.request ?? policyMs ?? 0
  return timeoutMs > 0 ? { timeoutMs } : {}
}

function noPolicy({ retry }: RouteContext): RoutePolicy {
  return { retry }
}

function compileRuleRetry({ retry, timeouts }: RuleOf<unknown>, policy: RetryPolicy): RetryPolicy {
  const { perTryTimeoutMs: _, limitsWholeTry: __, ...unlimited } = policy
  const backendRequest = timeouts?.backendRequest
  return {
    ...(backendRequest === undefined
      ? policy
      : { ...unlimited, ...compileTryLimit(backendRequest) }),
    attempts: retry?.attempts ?? policy.attempts,
    statuses: retry?.codes ?? policy.statuses,
    backoffMs: retry?.backoff ?? policy.backoffMs,
    // Gateway API, HTTPRouteRetry.backoff: the minimum between two tries, whatever is added at random.
    ...(retry?.backoff !== undefined && { leastBackoffMs: retry.backoff }),
  }
}

/** Gateway API, HTTPRouteTimeouts.backendRequest: until the full answer is here, and 0s is no limit. */
function compileTryLimit(
  backendRequestMs: number,
): Pick<RetryPolicy, 'perTryTimeoutMs' | 'limitsWholeTry'> {
  return backendRequestMs > 0 ? { perTryTimeoutMs: backendRequestMs, limitsWholeTry: true } : {}
}
