import type { HttpRouteMatch, HttpRouteResource, HttpRouteRule } from '../model/kinds/http-route.ts'
import type { RetryPolicy, Route, RouteMatch, WeightedCluster } from '../model/route.ts'

const pathKinds = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' } as const

export interface RouteContext {
  /** By the TrafficPolicy of the Service that the route is attached to. */
  readonly retry: RetryPolicy
  /** Name of the cluster of a Service's port; without a port, of its only one. */
  readonly clusterOf: (service: string, namespace: string, port: number | undefined) => string
}

/**
 * The rules of all routes of one Service in the order of Gateway API's precedence, one Route per match, so that
 * the first that fits is the right one.
 */
export function compileRoutes(
  routes: readonly HttpRouteResource[],
  context: RouteContext,
): Route[] {
  const candidates = routes.flatMap(resource =>
    resource.spec.rules.flatMap((rule, index) => compileRule(resource, { rule, index }, context)),
  )
  // The sort is stable: what is equal stays in the order of names and rules.
  return candidates.toSorted(byPrecedence).map(({ route }) => route)
}

interface Candidate {
  readonly route: Route
  readonly match: HttpRouteMatch
}

const anything: HttpRouteMatch = { headers: [], queryParams: [] }

function compileRule(
  { metadata }: HttpRouteResource,
  { rule, index }: { readonly rule: HttpRouteRule; readonly index: number },
  context: RouteContext,
): Candidate[] {
  const name = `${metadata.namespace}/${metadata.name}/${index}`
  const backends = rule.backendRefs.map(reference => ({
    cluster: context.clusterOf(
      reference.name,
      reference.namespace ?? metadata.namespace,
      reference.port,
    ),
    weight: reference.weight,
  }))
  const matches = rule.matches.length === 0 ? [anything] : rule.matches
  return matches.map(match => ({
    match,
    route: compileRoute(name, { rule, match, backends }, context),
  }))
}

interface CompiledRule {
  readonly rule: HttpRouteRule
  readonly match: HttpRouteMatch
  readonly backends: readonly WeightedCluster[]
}

function compileRoute(
  name: string,
  { rule, match, backends }: CompiledRule,
  { retry }: RouteContext,
): Route {
  const timeoutMs = rule.timeouts?.request
  return {
    name,
    matches: [compileMatch(match)],
    backends,
    retry: compileRuleRetry(rule, retry),
    // Gateway API: 0s switches the limit off.
    ...(timeoutMs !== undefined && timeoutMs > 0 && { timeoutMs }),
  }
}

function compileRuleRetry({ retry, timeouts }: HttpRouteRule, policy: RetryPolicy): RetryPolicy {
  const perTryTimeoutMs = timeouts?.backendRequest ?? policy.perTryTimeoutMs
  return {
    attempts: retry?.attempts ?? policy.attempts,
    statuses: retry?.codes ?? policy.statuses,
    backoffMs: retry?.backoff ?? policy.backoffMs,
    ...(perTryTimeoutMs !== undefined && perTryTimeoutMs > 0 && { perTryTimeoutMs }),
  }
}

function compileMatch({ method, path, headers, queryParams }: HttpRouteMatch): RouteMatch {
  return {
    ...(method !== undefined && { method }),
    ...(path !== undefined && { path: { kind: pathKinds[path.type], value: path.value } }),
    headers: headers.map(({ name, type, value }) => ({
      name: name.toLowerCase(),
      kind: type === 'RegularExpression' ? 'regex' : 'exact',
      value,
    })),
    query: queryParams.map(({ name, type, value }) => ({
      name,
      kind: type === 'RegularExpression' ? 'regex' : 'exact',
      value,
    })),
  }
}

/** HTTPRouteRule.matches in Gateway API: exact path, longest path, method, most headers, most query parameters. */
function byPrecedence({ match: a }: Candidate, { match: b }: Candidate): number {
  return (
    pathRank(b) - pathRank(a) ||
    pathLength(b) - pathLength(a) ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.queryParams.length - a.queryParams.length
  )
}

/** Where a regular expression stands is left to the implementation: before prefixes, because it says more. */
function pathRank({ path }: HttpRouteMatch): number {
  switch (path?.type) {
    case 'Exact':
      return 2
    case 'RegularExpression':
      return 1
    case 'PathPrefix':
    case undefined:
      return 0
  }
}

/** A match without a path is one for the prefix "/", and the slash at the end of a prefix means nothing. */
function pathLength({ path }: HttpRouteMatch): number {
  if (path === undefined) return 0
  return path.type === 'PathPrefix' ? path.value.replace(/\/$/, '').length : path.value.length
}
