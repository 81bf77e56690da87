import type { TrafficPolicyResource } from '../kinds/traffic-policy.ts'
import { qualify } from '../qualified-name.ts'
import { nearest } from './nearest.ts'
import type { Report } from './references.ts'
import type { Suspects } from './suspects.ts'
import type { Resource, Sourced } from './validate.ts'

/** `orders.default`, `port 80 of orders.default`, `HTTPRoute orders.default` or `rule read of HTTPRoute orders.default`. */
export function policyTarget({ metadata, spec }: TrafficPolicyResource): string {
  const { kind, name, port, sectionName } = spec.targetRef
  const target = qualify({ ...metadata, name })
  const whole = kind === 'Service' ? target : `${kind} ${target}`
  if (port !== undefined) return `port ${port} of ${whole}`
  return sectionName === undefined ? whole : `rule ${sectionName} of ${whole}`
}

interface Surroundings {
  readonly suspects: Suspects
  /** Others, which are not seen here, may define what is missing. */
  readonly isPart: boolean
}

/** TrafficPolicies for routes, and rules of routes, that are not there. */
export function checkPolicyTargets(
  sources: readonly Sourced[],
  report: Report,
  { suspects, isPart }: Surroundings,
): void {
  const routes = routesOf(sources.map(({ resource }) => resource))
  for (const source of sources) {
    const { resource } = source
    if (resource.kind !== 'TrafficPolicy') continue
    if (isPart || suspects.mayDefineRoute(resource.spec.targetRef.name)) continue
    const fault = targetFault(resource, routes)
    if (fault !== undefined) report(source, ['spec', 'targetRef', fault.field], fault.message)
  }
}

/** Why the route that a policy is for can't be found. Undefined: it is there, or the policy is for no route. */
export function targetFault(
  { metadata, spec }: TrafficPolicyResource,
  routes: PolicyRoutes,
): { readonly field: string; readonly message: string } | undefined {
  const { kind, name, sectionName } = spec.targetRef
  if (!kind.endsWith('Route')) return undefined
  const route = `${kind} ${name}.${metadata.namespace}`
  const rules = routes.get(route)
  if (rules === undefined)
    return { field: 'name', message: missing(`there is no ${route}`, route, [...routes.keys()]) }
  if (sectionName === undefined || rules.includes(sectionName)) return undefined
  const message = missing(`${route} has no rule called ${sectionName}`, sectionName, rules)
  return { field: 'sectionName', message }
}

/** By `HTTPRoute orders.default`: the names of its rules. */
export type PolicyRoutes = ReadonlyMap<string, readonly string[]>

export function routesOf(resources: readonly Resource[]): PolicyRoutes {
  const routes = new Map<string, readonly string[]>()
  for (const resource of resources) {
    if (resource.kind !== 'HTTPRoute' && resource.kind !== 'GRPCRoute') continue
    const { kind, metadata, spec } = resource
    const names = spec.rules.flatMap(rule => rule.name ?? [])
    routes.set(`${kind} ${metadata.name}.${metadata.namespace}`, names)
  }
  return routes
}

function missing(what: string, wanted: string, known: readonly string[]): string {
  const near = nearest(wanted, known)
  return near === undefined ? what : `${what}; did you mean ${near}?`
}
