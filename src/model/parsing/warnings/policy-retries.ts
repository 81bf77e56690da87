import type { HttpRouteResource, HttpRouteRule } from '../../kinds/http-route.ts'
import type { TrafficPolicyResource } from '../../kinds/traffic-policy.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { ofKind } from './resources.ts'

/** RFC 9110 §9.2.2: whoever repeats one of these may do something twice. */
const notIdempotent: ReadonlySet<string | undefined> = new Set(['POST', 'PATCH', 'CONNECT'])

type Retry = NonNullable<TrafficPolicyResource['spec']['retry']>

/** Policies that want retries where all requests are such as may not be repeated. */
export function checkPolicyRetries(sources: readonly Sourced[], report: Report): void {
  const routes = ofKind(sources, 'HTTPRoute').map(({ resource }) => resource)
  const policies = ofKind(sources, 'TrafficPolicy')
  const specs = policies.map(({ resource }) => resource)
  for (const policy of policies) {
    const { retry } = policy.resource.spec
    if (retry === undefined || !wantsRetries(retry)) continue
    const governed = routes.filter(route => governs(policy.resource, route))
    const rules = governed.flatMap(route => rulesFor(policy.resource, route))
    // Of a rule that wants retries itself it is told there.
    if (!rules.some(rule => rule.retry === undefined)) continue
    if (!rules.every(({ matches }) => isUnsafe(matches))) continue
    if (!governed.some(route => leavesNone(policy.resource, route))) continue
    if (governed.some(route => takesKeys(route, specs))) continue
    const methods = unsafeMethods(rules.flatMap(({ matches }) => matches)).join(' and ')
    report(
      policy,
      ['spec', 'retry'],
      `does not hold for ${methods}, and its requests are no others: only what surely never reached the application is sent again; set idempotencyKey if the application knows that header, or leave this out`,
    )
  }
}

/** Those methods among the matches that may not be repeated. */
export function unsafeMethods(matches: HttpRouteRule['matches']): string[] {
  const methods = matches.flatMap(({ method }) => method ?? [])
  return [...new Set(methods.filter(method => notIdempotent.has(method)))]
}

/** Whether requests of a route may be repeated for their Idempotency-Key. */
export function takesKeys(
  route: HttpRouteResource,
  policies: readonly TrafficPolicyResource[],
): boolean {
  return policies.some(
    policy => policy.spec.retry?.idempotencyKey === true && governs(policy, route),
  )
}

function wantsRetries({ attempts, statuses = [], grpcStatuses = [] }: Retry): boolean {
  if (attempts === 0 || grpcStatuses.length > 0) return false
  return attempts !== undefined || statuses.length > 0
}

function isUnsafe(matches: HttpRouteRule['matches']): boolean {
  return matches.length > 0 && matches.every(({ method }) => notIdempotent.has(method))
}

/** Whether it is for requests of the route, or for some of them. */
function governs({ metadata, spec }: TrafficPolicyResource, route: HttpRouteResource): boolean {
  const { kind, name, port } = spec.targetRef
  const { namespace } = route.metadata
  if (kind === 'HTTPRoute') return name === route.metadata.name && metadata.namespace === namespace
  if (kind !== 'Service') return false
  return route.spec.parentRefs.some(
    parent =>
      parent.name === name &&
      (parent.namespace ?? namespace) === metadata.namespace &&
      (port === undefined || parent.port === undefined || parent.port === port),
  )
}

/** Whether all that it is for goes by the route. Of ports and callers without one all requests go through. */
function leavesNone({ metadata, spec }: TrafficPolicyResource, route: HttpRouteResource): boolean {
  const { kind, name, port } = spec.targetRef
  if (kind === 'HTTPRoute') return true
  if (route.metadata.namespace !== metadata.namespace) return false
  return route.spec.parentRefs.some(
    parent =>
      parent.name === name &&
      (parent.port === undefined || parent.port === port) &&
      parent.sectionName === undefined,
  )
}

function rulesFor({ spec }: TrafficPolicyResource, route: HttpRouteResource): HttpRouteRule[] {
  const { sectionName } = spec.targetRef
  return route.spec.rules.filter(({ name }) => sectionName === undefined || name === sectionName)
}
