import type { GrpcFailure } from '../../grpc-status.ts'
import type { ServiceResource } from '../../kinds/service.ts'
import type { TrafficPolicyResource } from '../../kinds/traffic-policy.ts'
import { qualify } from '../../qualified-name.ts'
import type { Report } from '../references.ts'
import type { Sourced } from '../validate.ts'
import { ofKind } from './resources.ts'

/** With these the application may have done its work before it failed. */
const doubtful: ReadonlySet<GrpcFailure> = new Set([
  'CANCELLED',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'INTERNAL',
  'DATA_LOSS',
])

/** Policies that govern nothing, or repeat what may not be repeated. */
export function checkTrafficPolicies(sources: readonly Sourced[], report: Report): void {
  const policies = ofKind(sources, 'TrafficPolicy')
  const services = new Map(
    ofKind(sources, 'Service').map(({ resource }) => [qualify(resource.metadata), resource]),
  )
  const byTarget = Map.groupBy(policies, ({ resource }) => targetOf(resource))
  for (const policy of policies) {
    const { spec, metadata } = policy.resource
    const service = services.get(qualify({ ...metadata, name: spec.targetRef.name }))
    if (spec.targetRef.kind === 'Service' && service !== undefined) {
      const why = idleReason(
        policy.resource,
        service,
        byTarget.get(targetOf(policy.resource)) ?? [],
      )
      if (why !== undefined) report(policy, ['spec', 'targetRef'], `governs nothing: ${why}`)
    }
    checkTryLimit(policy, report)
    const repeated = (spec.retry?.grpcStatuses ?? []).filter(status => doubtful.has(status))
    if (repeated.length > 0 && spec.retry?.attempts !== 0)
      report(
        policy,
        ['spec', 'retry', 'grpcStatuses'],
        `${repeated.join(', ')} may come when the call was carried out already, which would be done twice: list them only if all methods are idempotent, or take UNAVAILABLE alone`,
      )
  }
}

function checkTryLimit(policy: Sourced<TrafficPolicyResource>, report: Report): void {
  const { retry, timeouts } = policy.resource.spec
  const { request = 0, backendRequest } = timeouts ?? {}
  const [field, limit = 0] =
    backendRequest === undefined
      ? ['retry.perTryTimeout', retry?.perTryTimeout]
      : ['timeouts.backendRequest', backendRequest]
  if (request > 0 && limit > request)
    report(
      policy,
      ['spec', 'timeouts', 'request'],
      `${request} ms is shorter than the ${limit} ms that one try may take by ${field}: a slow try is never repeated`,
    )
}

function targetOf({ metadata, spec }: TrafficPolicyResource): string {
  const { kind, name } = spec.targetRef
  return `${kind} ${qualify({ ...metadata, name })}`
}

function idleReason(
  { spec }: TrafficPolicyResource,
  { metadata, spec: service }: ServiceResource,
  rivals: readonly Sourced<TrafficPolicyResource>[],
): string | undefined {
  const key = qualify(metadata)
  if (service.type === 'ExternalName')
    return `Service ${key} is an ExternalName, which leads out of the mesh; write a ServiceEntry`
  const ports = service.ports.filter(({ protocol }) => protocol === 'TCP')
  if (ports.length === 0) return `Service ${key} has no port for TCP`
  if (spec.targetRef.port !== undefined) return undefined
  const governed = new Set(rivals.map(({ resource }) => resource.spec.targetRef.port))
  return ports.every(({ port }) => governed.has(port))
    ? `each port of Service ${key} has a policy of its own, which holds instead`
    : undefined
}
