import { z } from 'zod'
import { objectName, port, serviceName } from '../common.ts'

const gatewayGroup = 'gateway.networking.k8s.io'

const groups = {
  Service: '',
  ServiceEntry: 'weft.dev',
  HTTPRoute: gatewayGroup,
  GRPCRoute: gatewayGroup,
} as const

/** What a TrafficPolicy is for. */
export const policyTargetRef = z
  .strictObject({
    group: z.enum(['', 'weft.dev', gatewayGroup]).optional(),
    kind: z.enum(['Service', 'ServiceEntry', 'HTTPRoute', 'GRPCRoute']).default('Service'),
    name: objectName,
    port: port.optional().describe('Of a Service or a ServiceEntry. Default: all its ports.'),
    sectionName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('Name of a rule of the route. Default: all its rules.'),
  })
  .superRefine(({ group, kind, name, port: number, sectionName }, context) => {
    const isRoute = kind.endsWith('Route')
    const report = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message })
    const isName = objectName.safeParse(name).success
    if (!isRoute && isName && !serviceName.safeParse(name).success)
      report('name', 'must be lower-case letters, digits and "-", at most 63')
    if (group !== undefined && group !== groups[kind])
      report('group', `is not the group of ${kind}`)
    if (isRoute && number !== undefined)
      report('port', 'is for a Service; a rule of a route is named by sectionName')
    if (!isRoute && sectionName !== undefined)
      report('sectionName', 'is for a route; a port of a Service is given by port')
  })

/** What may differ from route to route of a Service; the rest is for its endpoints. */
const routeFields: ReadonlySet<string> = new Set([
  'targetRef',
  'retry',
  'hedging',
  'faults',
  'circuitBreaker',
  'timeouts',
])

/** What needs a sidecar at the other end, or a control plane that knows its endpoints. */
const serviceFields = [
  ['healthCheck', 'is for Services: hosts of a ServiceEntry are judged by what they answer'],
  ['rateLimits', 'is kept by the sidecars of a Service; a ServiceEntry has none'],
] as const

interface Spec {
  readonly targetRef: { readonly kind: string }
  readonly healthCheck?: unknown
  readonly rateLimits?: unknown
  readonly adaptiveConcurrency?: { readonly at: string } | undefined
  readonly loadBalancing?: { readonly subset?: unknown; readonly locality?: unknown } | undefined
}

/** Of the `spec` of a TrafficPolicy. */
export function checkTarget(spec: Spec, context: z.core.$RefinementCtx): void {
  const { kind } = spec.targetRef
  if (kind === 'Service') return
  if (kind === 'ServiceEntry') return checkEntryPolicy(spec, context)
  for (const [field, value] of Object.entries(spec))
    if (value !== undefined && !routeFields.has(field))
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `is for a Service; a policy for an ${kind} may have ${[...routeFields].slice(1).join(', ')}`,
      })
}

function checkEntryPolicy(spec: Spec, context: z.core.$RefinementCtx): void {
  const report = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, message })
  for (const [field, message] of serviceFields)
    if (spec[field] !== undefined) report([field], message)
  if (spec.adaptiveConcurrency?.at === 'inbound')
    report(['adaptiveConcurrency', 'at'], 'must be outbound: a ServiceEntry has no sidecar')
  for (const field of ['subset', 'locality'] as const)
    if (spec.loadBalancing?.[field] !== undefined)
      report(['loadBalancing', field], 'is for Services: of hosts beyond the mesh it is not known')
}
