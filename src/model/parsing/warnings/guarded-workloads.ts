import type { AuthorizationPolicyResource } from '../../kinds/authorization-policy.ts'
import type { RequestAuthenticationResource } from '../../kinds/request-authentication.ts'
import { selects, type ServiceResource } from '../../kinds/service.ts'
import { isLabelled, type Labels } from '../../labels.ts'
import { qualify } from '../../qualified-name.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { ofKind, titleOf } from './resources.ts'

type Guard = AuthorizationPolicyResource | RequestAuthenticationResource

/** What has a sidecar that keeps a policy. */
interface Guarded {
  readonly namespace: string
  readonly labels: Labels
}

/**
 * Policies that shut nothing, since they are for workloads that nobody has. Files that define none at all, for a cluster
 * say, leave open which there are.
 */
export function checkGuardedWorkloads(sources: readonly Sourced[], report: Report): void {
  const guards = [
    ...ofKind(sources, 'AuthorizationPolicy'),
    ...ofKind(sources, 'RequestAuthentication'),
  ]
  if (guards.length === 0) return
  const services = new Map(
    ofKind(sources, 'Service').map(source => [qualify(source.resource.metadata), source]),
  )
  const guarded = guardedIn(sources)
  for (const guard of guards) {
    const { targetRef, selector } = guard.resource.spec
    const why = idleReason(guard.resource, services, guarded)
    const field = targetRef === undefined ? 'selector' : 'targetRef'
    const path = targetRef === undefined && selector === undefined ? [] : [field]
    if (why !== undefined) report(guard, ['spec', ...path], `holds nowhere: ${why}`)
  }
}

/** Undefined: these files say nothing of workloads. */
function guardedIn(sources: readonly Sourced[]): readonly Guarded[] | undefined {
  const workloads = ofKind(sources, 'Workload')
  const functions = ofKind(sources, 'Function')
  if (workloads.length + functions.length === 0) return undefined
  return [...workloads.filter(({ resource }) => resource.spec.sidecar.enabled), ...functions].map(
    ({ resource }) => resource.metadata,
  )
}

function idleReason(
  { metadata: { namespace }, spec: { targetRef, selector } }: Guard,
  services: ReadonlyMap<string, Sourced<ServiceResource>>,
  guarded: readonly Guarded[] | undefined,
): string | undefined {
  // Of a Function that is not there references tell.
  if (targetRef?.kind === 'Function') return undefined
  if (targetRef !== undefined) {
    const service = services.get(qualify({ name: targetRef.name, namespace }))
    return service && idleTarget(service, guarded)
  }
  const neighbours = guarded?.filter(workload => workload.namespace === namespace)
  if (neighbours === undefined) return undefined
  if (neighbours.length === 0)
    return `there is no workload with a sidecar in the namespace ${namespace}`
  return neighbours.some(({ labels }) => isLabelled(labels, selector?.matchLabels ?? {}))
    ? undefined
    : `no workload with a sidecar in the namespace ${namespace} has these labels`
}

function idleTarget(
  service: Sourced<ServiceResource>,
  guarded: readonly Guarded[] | undefined,
): string | undefined {
  const { spec } = service.resource
  if (Object.keys(spec.selector ?? {}).length === 0)
    return `${titleOf(service)} has no selector, so that nobody knows its workloads: name them by a selector here`
  return guarded === undefined || guarded.some(workload => selects(service.resource, workload))
    ? undefined
    : `${titleOf(service)} selects no workload with a sidecar`
}
