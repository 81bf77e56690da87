import { z } from 'zod'
import { duration, metadata, objectName, status } from './common.ts'
import {
  backendRefsWith,
  checkPattern,
  headerMatches,
  routeSpec,
  valueMatch,
} from './gateway-route.ts'
import { httpFilters, type Filter } from './routes/filter.ts'
import { sessionPersistence } from './routes/session-persistence.ts'

const pathMatch = z
  .strictObject({
    type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).default('PathPrefix'),
    value: z.string().max(1024).default('/'),
  })
  .superRefine(({ type, value }, context) => {
    if (type === 'RegularExpression') checkPattern(value, context)
    else if (!value.startsWith('/'))
      context.addIssue({ code: 'custom', path: ['value'], message: 'must start with "/"' })
    else if (neverSent.test(value))
      context.addIssue({
        code: 'custom',
        path: ['value'],
        message: 'must hold no "//", "/.", "/..", "%2f" or "#" (Gateway API, HTTPPathMatch)',
      })
  })

/** In paths that were not normalised: whoever writes a route for one means another. */
const neverSent = /\/\/|\/\.\.?(?:\/|$)|%2f|#/i

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

const fields = z.strictObject({
  name: z.string().optional(),
  matches: z.array(routeMatch).max(64).default([]),
  filters: httpFilters,
  backendRefs: backendRefsWith(httpFilters),
  timeouts: timeouts.optional().describe('0s: no limit.'),
  retry: z
    .strictObject({
      codes: z.array(z.int().min(400).max(599)).optional(),
      attempts: z.int().min(0).max(10).optional(),
      backoff: duration.optional(),
    })
    .optional(),
  sessionPersistence: sessionPersistence.optional(),
})

const rule = fields.superRefine(({ matches, filters, backendRefs }, context) => {
  const [match] = matches
  const isPrefix =
    matches.length < 2 && (match?.path === undefined || match.path.type === 'PathPrefix')
  const lists = [
    { filters, path: ['filters'] },
    ...backendRefs.map((backend, index) => ({
      filters: backend.filters,
      path: ['backendRefs', index, 'filters'],
    })),
  ]
  for (const list of lists)
    for (const [index, filter] of list.filters.entries())
      if (!isPrefix && replacesPrefix(filter))
        context.addIssue({
          code: 'custom',
          path: [...list.path, index],
          message: 'ReplacePrefixMatch needs a rule with exactly one match, of the type PathPrefix',
        })
  if (has(filters, 'RequestRedirect') && backendRefs.length > 0)
    context.addIssue({
      code: 'custom',
      path: ['backendRefs'],
      message: 'RequestRedirect answers the request: leave backendRefs out',
    })
  for (const [index, backend] of backendRefs.entries()) {
    const fault = backendFault(filters, backend.filters)
    if (fault !== undefined)
      context.addIssue({ code: 'custom', path: ['backendRefs', index, 'filters'], message: fault })
  }
})

function replacesPrefix({ requestRedirect, urlRewrite }: Filter): boolean {
  return (requestRedirect ?? urlRewrite)?.path?.type === 'ReplacePrefixMatch'
}

function has(filters: readonly Filter[], type: Filter['type']): boolean {
  return filters.some(filter => filter.type === type)
}

/** What cannot be said for one backend alone, or not once more. */
function backendFault(ofRule: readonly Filter[], ofBackend: readonly Filter[]): string | undefined {
  if (has(ofBackend, 'CORS'))
    return 'a preflight is answered before a backend is chosen: put CORS among the filters of the rule'
  if (has(ofBackend, 'URLRewrite') && has(ofRule, 'URLRewrite'))
    return 'the rule has a URLRewrite already: give it here or there'
  return undefined
}

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
