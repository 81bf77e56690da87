import { z } from 'zod'
import { objectName, port, serviceName } from '../common.ts'

const gatewayGroup = 'gateway.networking.k8s.io'

/** What a TrafficPolicy is for. */
export const policyTargetRef = z
  .strictObject({
    group: z.enum(['', gatewayGroup]).optional(),
    kind: z.enum(['Service', 'HTTPRoute', 'GRPCRoute']).default('Service'),
    name: objectName,
    port: port.optional().describe('Of a Service. Default: all its ports.'),
    sectionName: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe('Name of a rule of the route. Default: all its rules.'),
  })
  .superRefine(({ group, kind, name, port: number, sectionName }, context) => {
    const isRoute = kind !== 'Service'
    const report = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message })
    const isName = objectName.safeParse(name).success
    if (!isRoute && isName && !serviceName.safeParse(name).success)
      report('name', 'must be lower-case letters, digits and "-", at most 63')
    if (group !== undefined && isRoute !== (group === gatewayGroup))
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

/** Of the `spec` of a TrafficPolicy. */
export function checkTarget(
  spec: { readonly targetRef: { readonly kind: string } },
  context: z.core.$RefinementCtx,
): void {
  const { kind } = spec.targetRef
  if (kind === 'Service') return
  for (const [field, value] of Object.entries(spec))
    if (value !== undefined && !routeFields.has(field))
      context.addIssue({
        code: 'custom',
        path: [field],
        message: `is for a Service; a policy for an ${kind} may have ${[...routeFields].slice(1).join(', ')}`,
      })
}
