// What the kinds of routes of Gateway API have in common, attached to Services as GAMMA (GEP-1294) defines.
import { z } from 'zod'
import { unsafePattern } from '../pattern/pattern.ts'
import { namespace, port, serviceName } from './common.ts'
import { backendReference } from './routes/backend-reference.ts'
import { headerName } from './routes/header-modifier.ts'

type Context = z.core.$RefinementCtx

/** Reports a regular expression that may not stand in the configuration, at a field of what is checked. */
export function checkPattern(source: string, context: Context, field = 'value'): void {
  const why = unsafePattern(source)
  if (why !== undefined) context.addIssue({ code: 'custom', path: [field], message: why })
}

export function valueMatch(name: z.ZodString) {
  const type = z.enum(['Exact', 'RegularExpression']).default('Exact')
  return z.strictObject({ name, type, value: z.string() }).superRefine((match, context) => {
    if (match.type === 'RegularExpression') checkPattern(match.value, context)
  })
}

export const headerMatches = z.array(valueMatch(headerName)).max(16).default([])

/** Of one header or query parameter. */
export type ValueMatch = z.output<typeof headerMatches>[number]

/** @param filters that are for requests to one of the backends. */
export function backendRefsWith<F extends z.ZodType>(filters: F) {
  return z
    .array(
      z.strictObject({
        ...backendReference.shape,
        weight: z.int().min(0).max(1_000_000).default(1),
        filters,
      }),
    )
    .max(16)
    .default([])
}

const parentRef = z.strictObject({
  group: z.literal('').optional(),
  kind: z.literal('Service', 'only routes for a Service are supported'),
  name: serviceName,
  namespace: namespace.optional(),
  port: port.optional().describe('Default: all ports of the Service.'),
  sectionName: z.string().optional().describe('Name of one of the ports of the Service.'),
})

/** One of a route's parents: which ports of which Service it is for. */
export type RouteParent = z.output<typeof parentRef>

/** Whether a port of the Service that it names is meant. */
export function takesPort(
  { port: number, sectionName }: Pick<RouteParent, 'port' | 'sectionName'>,
  candidate: { readonly port: number; readonly name?: string | undefined },
): boolean {
  return (
    (number === undefined || number === candidate.port) &&
    (sectionName === undefined || sectionName === candidate.name)
  )
}

/** The `spec` of a kind of routes. */
export function routeSpec<R extends z.ZodType>(rule: R) {
  return z.strictObject({
    parentRefs: z.array(parentRef).min(1),
    // GEP-1294: a mesh shall not infer anything from hostnames.
    hostnames: z
      .array(z.unknown())
      .max(0, 'hostnames mean nothing for a Service; match the header "Host"')
      .optional(),
    rules: z.array(rule).min(1),
  })
}
