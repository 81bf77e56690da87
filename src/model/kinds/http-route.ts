import { z } from 'zod'
import { unsafePattern } from '../pattern.ts'
import { duration, metadata, objectName, port, serviceName, status } from './common.ts'

const pattern = z.string().superRefine((text, context) => {
  const why = unsafePattern(text)
  if (why !== undefined) context.addIssue({ code: 'custom', message: why })
})

function valueMatch<T extends string>(name: z.ZodString, types: readonly [T, ...T[]]) {
  return z.strictObject({ name, type: z.enum(types).optional(), value: z.string() })
}

const pathMatch = z
  .strictObject({
    type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).default('PathPrefix'),
    value: z.string().max(1024).default('/'),
  })
  .superRefine(({ type, value }, context) => {
    const why = type === 'RegularExpression' ? unsafePattern(value) : undefined
    if (why !== undefined) context.addIssue({ code: 'custom', path: ['value'], message: why })
    if (type !== 'RegularExpression' && !value.startsWith('/'))
      context.addIssue({ code: 'custom', path: ['value'], message: 'must start with "/"' })
  })

const fieldName = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'is no header name')
const matchTypes = ['Exact', 'RegularExpression'] as const

function checkedMatch(match: ReturnType<typeof valueMatch<(typeof matchTypes)[number]>>) {
  return match.superRefine(({ type, value }, context) => {
    const checked = type === 'RegularExpression' ? pattern.safeParse(value) : undefined
    const message = checked?.error?.issues[0]?.message
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['value'], message })
  })
}

const routeMatch = z.strictObject({
  path: pathMatch.optional(),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])
    .optional(),
  headers: z
    .array(checkedMatch(valueMatch(fieldName, matchTypes)))
    .max(16)
    .default([]),
  queryParams: z
    .array(checkedMatch(valueMatch(z.string().min(1).max(256), matchTypes)))
    .max(16)
    .default([]),
})

const backendRef = z.strictObject({
  group: z.literal('').optional(),
  kind: z.literal('Service').default('Service'),
  name: serviceName,
  namespace: z.string().optional(),
  port: port.optional(),
  weight: z.int().min(0).max(1_000_000).default(1),
})

const rule = z.strictObject({
  name: z.string().optional(),
  matches: z.array(routeMatch).max(64).default([]),
  filters: z.array(z.unknown()).max(0, 'filters are not supported yet').optional(),
  backendRefs: z.array(backendRef).max(16).default([]),
  timeouts: z
    .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
    .optional(),
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
  namespace: z.string().optional(),
  port: port.optional(),
  sectionName: z.string().optional(),
})

/** gateway.networking.k8s.io/v1 HTTPRoute, attached to Services as GAMMA (GEP-1324) defines. */
export const httpRouteKind = z.strictObject({
  apiVersion: z.enum(['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1']),
  kind: z.literal('HTTPRoute'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    parentRefs: z.array(parentRef).min(1),
    rules: z.array(rule).min(1),
  }),
  status,
})

export type HttpRouteResource = z.output<typeof httpRouteKind>
export type HttpRouteRule = z.output<typeof rule>
export type HttpRouteMatch = z.output<typeof routeMatch>
