import { z } from 'zod'
import { duration, metadata, objectName, status } from './common.ts'
import {
  backendRefs,
  checkPattern,
  filters,
  headerMatches,
  routeSpec,
  valueMatch,
} from './gateway-route.ts'

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

const routeMatch = z.strictObject({
  path: pathMatch.optional(),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])
    .optional(),
  headers: headerMatches,
  queryParams: z
    .array(valueMatch(z.string().min(1).max(256)))
    .max(16)
    .default([]),
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
  filters,
  backendRefs,
  timeouts: timeouts.optional().describe('0s: no limit.'),
  retry: z
    .strictObject({
      codes: z.array(z.int().min(400).max(599)).optional(),
      attempts: z.int().min(0).max(10).optional(),
      backoff: duration.optional(),
    })
    .optional(),
})

/** gateway.networking.k8s.io/v1 HTTPRoute. */
export const httpRouteKind = z.strictObject({
  apiVersion: z.enum(['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1beta1']),
  kind: z.literal('HTTPRoute'),
  metadata: metadata(objectName),
  spec: routeSpec(rule),
  status,
})

export type HttpRouteResource = z.output<typeof httpRouteKind>
export type HttpRouteRule = z.output<typeof rule>
export type HttpRouteMatch = z.output<typeof routeMatch>
