import { z } from 'zod'
import { unsafePattern } from '../pattern.ts'
import { duration, metadata, namespace, objectName, port, serviceName, status } from './common.ts'

type Context = z.core.$RefinementCtx

function checkPattern(source: string, context: Context): void {
  const why = unsafePattern(source)
  if (why !== undefined) context.addIssue({ code: 'custom', path: ['value'], message: why })
}

const pathMatch = z
  .strictObject({
    type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).default('PathPrefix'),
    value: z.string().max(1024).default('/'),
  })
  .superRefine(({ type, value }, context) => {
    if (type === 'RegularExpression') checkPattern(value, context)
    else if (!value.startsWith('/'))
      context.addIssue({ code: 'custom', path: ['value'], message: 'must start with "/"' })
  })

function valueMatch(name: z.ZodString) {
  const type = z.enum(['Exact', 'RegularExpression']).default('Exact')
  return z.strictObject({ name, type, value: z.string() }).superRefine((match, context) => {
    if (match.type === 'RegularExpression') checkPattern(match.value, context)
  })
}

const fieldName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'is no header name')

const routeMatch = z.strictObject({
  path: pathMatch.optional(),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])
    .optional(),
  headers: z.array(valueMatch(fieldName)).max(16).default([]),
  queryParams: z
    .array(valueMatch(z.string().min(1).max(256)))
    .max(16)
    .default([]),
})

const backendRef = z.strictObject({
  group: z.literal('').optional(),
  kind: z.literal('Service').default('Service'),
  name: serviceName,
  namespace: namespace.optional(),
  port: port.optional().describe('Default: the only port that the Service has.'),
  weight: z.int().min(0).max(1_000_000).default(1),
})

const timeouts = z
  .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
  .superRefine(({ request, backendRequest }, context) => {
    // 0s is no limit, so nothing is longer.
    if (request === undefined || request === 0 || backendRequest === undefined) return
    if (backendRequest > request) {
      const message = 'must not be longer than timeouts.request'
      context.addIssue({ code: 'custom', path: ['backendRequest'], message })
    }
  })

const rule = z.strictObject({
  name: z.string().optional(),
  matches: z.array(routeMatch).max(64).default([]),
  filters: z.array(z.unknown()).max(0, 'filters are not supported yet').optional(),
  backendRefs: z.array(backendRef).max(16).default([]),
  timeouts: timeouts.optional().describe('0s: no limit.'),
  retry: z
    .strictObject({
      codes: z.array(z.int().min(400).max(599)).optional(),
      attempts: z.int().min(0).max(10).optional(),
      backoff: duration.optional(),
    })
    .optional(),
})

const parentRef = z.strictObject({
  group: z.literal('').optional(),
  kind: z.literal('Service', 'only routes for a Service are supported'),
  name: serviceName,
  namespace: namespace.optional(),
  port: port.optional().describe('Default: all ports of the Service.'),
})

/** gateway.networking.k8s.io/v1 HTTPRoute, attached to Services as GAMMA (GEP-1294) defines. */
export const httpRouteKind = z.strictObject({
  apiVersion: z.enum(['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1']),
  kind: z.literal('HTTPRoute'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    parentRefs: z.array(parentRef).min(1),
    // GEP-1294: a mesh shall not infer anything from hostnames.
    hostnames: z
      .array(z.unknown())
      .max(0, 'hostnames mean nothing for a Service; match the header "Host"')
      .optional(),
    rules: z.array(rule).min(1),
  }),
  status,
})

export type HttpRouteResource = z.output<typeof httpRouteKind>
export type HttpRouteRule = z.output<typeof rule>
export type HttpRouteMatch = z.output<typeof routeMatch>
