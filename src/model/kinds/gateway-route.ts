// What the kinds of routes of Gateway API have in common, attached to Services as GAMMA (GEP-1294) defines.
import { z } from 'zod'
import { unsafePattern } from '../pattern.ts'
import { namespace, port, serviceName } from './common.ts'

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

const fieldName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'is no header name')

export const headerMatches = z.array(valueMatch(fieldName)).max(16).default([])

/** Of one header or query parameter. */
export type ValueMatch = z.output<typeof headerMatches>[number]

const backendRef = z.strictObject({
  group: z.enum(['', 'weft.dev']).optional(),
  kind: z.enum(['Service', 'Function']).default('Service'),
  name: serviceName,
  namespace: namespace.optional(),
  port: port
    .optional()
    .describe('Default: the only port that the Service has. A Function has none.'),
  weight: z.int().min(0).max(1_000_000).default(1),
})

export const backendRefs = z.array(backendRef).max(16).default([])

export const filters = z.array(z.unknown()).max(0, 'filters are not supported yet').optional()

const parentRef = z.strictObject({
  group: z.literal('').optional(),
  kind: z.literal('Service', 'only routes for a Service are supported'),
  name: serviceName,
  namespace: namespace.optional(),
  port: port.optional().describe('Default: all ports of the Service.'),
})

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
