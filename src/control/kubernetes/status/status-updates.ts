import { isDeepStrictEqual } from 'node:util'
import type { Configuration } from '../../../model/configuration.ts'
import { routesOf, targetFault } from '../../../model/parsing/policy-targets.ts'
import type { ConfigurationProblem } from '../../../model/problem.ts'
import { qualify } from '../../../model/qualified-name.ts'
import { meshPorts } from '../../compilation/matching/backend-index.ts'
import { withVerdicts, type Observation, type Verdict } from './condition.ts'
import { withParents, type ParentVerdict } from './parent-statuses.ts'
import { RouteVerdicts } from './route-verdicts.ts'
import type { StatusFields, StatusTarget } from './status-target.ts'

/** What this control plane has to say of an object. */
export type OwnStatus =
  | { readonly parents: readonly ParentVerdict[] }
  | { readonly conditions: readonly Verdict[] }

/** A status that does not say it. */
export interface StatusUpdate {
  readonly target: StatusTarget
  readonly own: OwnStatus
}

interface Made {
  readonly configuration: Configuration
  readonly leftOut: readonly ConfigurationProblem[]
}

/** The objects whose status is not what was made of them. */
export function statusUpdates(
  { configuration, leftOut }: Made,
  targets: readonly StatusTarget[],
): StatusUpdate[] {
  const routes = new RouteVerdicts(configuration)
  const faults = Map.groupBy(leftOut, ({ file }) => file)
  const missing = missingTargets(configuration)
  return targets.flatMap(target => {
    const problems = (faults.get(target.title) ?? []).map(formatFault)
    const own: OwnStatus =
      target.parentRefs === undefined
        ? { conditions: [ownVerdict(problems, missing.get(target.title))] }
        : { parents: routes.of(target, problems) }
    return isSaid(own, target.status, target.generation) ? [] : [{ target, own }]
  })
}

/** The status with ours in it; what others say there stays. */
export function mergedStatus(
  own: OwnStatus,
  status: StatusFields,
  observation: Observation,
): StatusFields {
  return 'parents' in own
    ? { parents: withParents(status.parents, own.parents, observation) }
    : { conditions: withVerdicts(status.conditions, own.conditions, observation) }
}

/** Whether it stands there already. */
export function isSaid(own: OwnStatus, status: StatusFields, generation: number): boolean {
  // Where something would change its time would be this one, which is none.
  const merged = mergedStatus(own, status, { generation, now: '' })
  return isDeepStrictEqual(Object.values(merged), [
    ('parents' in own ? status.parents : status.conditions) ?? [],
  ])
}

function ownVerdict(problems: readonly string[], missing: string | undefined): Verdict {
  const type = 'Accepted'
  if (problems.length > 0)
    return { type, status: 'False', reason: 'Invalid', message: problems.join('; ') }
  if (missing !== undefined)
    return { type, status: 'False', reason: 'TargetNotFound', message: missing }
  return { type, status: 'True', reason: 'Accepted', message: 'in use' }
}

/** Of policies for what is not there. */
function missingTargets(configuration: Configuration): ReadonlyMap<string, string> {
  const { trafficPolicies, authorizationPolicies, requestAuthentications } = configuration
  const routes = routesOf([...configuration.httpRoutes, ...configuration.grpcRoutes])
  const ports = portsOf(configuration)
  const missing = new Map<string, string>()
  for (const policy of [...trafficPolicies, ...authorizationPolicies, ...requestAuthentications]) {
    const { metadata, spec } = policy
    if (spec.targetRef === undefined) continue
    const { kind, name, port } = spec.targetRef
    const key = `${kind} ${qualify({ name, namespace: metadata.namespace })}`
    const found = ports.get(key)
    const title = `${policy.kind} ${metadata.namespace}/${metadata.name}`
    if (policy.kind === 'TrafficPolicy' && kind.endsWith('Route')) {
      const fault = targetFault(policy, routes)
      if (fault !== undefined) missing.set(title, fault.message)
    } else if (found === undefined) missing.set(title, `there is no ${key}`)
    else if (port !== undefined && !found.includes(port))
      missing.set(title, `${key} has no TCP port ${port}`)
  }
  return missing
}

/** Of an object whose name the reader knows. */
export function formatFault({ path, message }: ConfigurationProblem): string {
  return path === '' ? message : `${path}: ${message}`
}

/** By `Service orders.default`: what a policy can be for, with its ports; a Function has none. */
function portsOf({ services, serviceEntries, functions }: Configuration): Map<string, number[]> {
  const ports = new Map<string, number[]>()
  for (const service of services)
    ports.set(
      `Service ${qualify(service.metadata)}`,
      meshPorts(service).map(({ port }) => port),
    )
  for (const { metadata, spec } of serviceEntries)
    ports.set(
      `ServiceEntry ${qualify(metadata)}`,
      spec.ports.map(({ number }) => number),
    )
  for (const { metadata } of functions) ports.set(`Function ${qualify(metadata)}`, [])
  return ports
}
