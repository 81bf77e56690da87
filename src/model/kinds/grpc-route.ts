import { z } from 'zod'
import { metadata, objectName, status } from './common.ts'
import { backendRefsWith, checkPattern, headerMatches, routeSpec } from './gateway-route.ts'
import { grpcFilters } from './routes/filter.ts'
import { sessionPersistence } from './routes/session-persistence.ts'

/** Names as GRPCMethodMatch wants them where they are no patterns; those of a service are dotted. */
const exactNames = {
  service: {
    pattern: /^\.?[a-z_][a-z_0-9]*(?:\.[a-z_][a-z_0-9]*)*$/i,
    fault: 'is no gRPC service, such as shop.v1.Orders',
  },
  method: { pattern: /^[a-z_][a-z_0-9]*$/i, fault: 'is no gRPC method, such as GetOrder' },
} as const

/** Gateway API: an empty name is the same as none. */
const name = z
  .string()
  .max(1024)
  .optional()
  .transform(text => (text === '' ? undefined : text))

const methodMatch = z
  .strictObject({
    type: z.enum(['Exact', 'RegularExpression']).default('Exact'),
    service: name.describe('With its package, as in shop.v1.Orders. Default: any.'),
    method: name.describe('Default: any.'),
  })
  .superRefine((match, context) => {
    if (match.service === undefined && match.method === undefined)
      context.addIssue({ code: 'custom', message: 'give a service, a method, or both' })
    else if (match.type === 'Exact') checkNames(match, context)
    else checkPatterns(match, context)
  })

interface Names {
  readonly service?: string | undefined
  readonly method?: string | undefined
}

function checkNames(names: Names, context: z.core.$RefinementCtx): void {
  for (const field of ['service', 'method'] as const) {
    const { pattern, fault } = exactNames[field]
    const given = names[field]
    if (given !== undefined && !pattern.test(given))
      context.addIssue({ code: 'custom', path: [field], message: fault })
  }
}

function checkPatterns(names: Names, context: z.core.$RefinementCtx): void {
  const given = (['service', 'method'] as const).filter(field => names[field] !== undefined)
  for (const field of given) {
    const source = names[field] ?? ''
    // In the middle of a path an anchor would never hold, and the rule would match nothing.
    if (hasAnchor(source))
      context.addIssue({
        code: 'custom',
        path: [field],
        message: 'is compared with the whole name already: leave out "^" and "$"',
      })
    else checkPattern(source, context, field)
  }
  if (context.issues.length > 0) return
  // Each alone is harmless, and the two in one path may not be.
  checkPattern(rpcPathPattern(names), context, given.at(-1))
}

/** `^` and `$` outside of sets and not escaped. */
function hasAnchor(source: string): boolean {
  return /[\^$]/.test(source.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]/g, ''))
}

/** The request path of a gRPC call, `/<service>/<method>` (gRPC over HTTP2), as a regular expression. */
export function rpcPathPattern({ service, method }: Names): string {
  const first = service === undefined ? '[^/]+' : `(?:${service})`
  return `/${first}/${method === undefined ? '.*' : `(?:${method})`}`
}

const routeMatch = z.strictObject({ method: methodMatch.optional(), headers: headerMatches })

const rule = z.strictObject({
  name: z.string().optional(),
  matches: z.array(routeMatch).max(64).default([]),
  filters: grpcFilters,
  backendRefs: backendRefsWith(grpcFilters),
  sessionPersistence: sessionPersistence.optional(),
})

/** gateway.networking.k8s.io/v1 GRPCRoute. It has no timeouts and no retries: those are for a TrafficPolicy. */
export const grpcRouteKind = z.strictObject({
  apiVersion: z.literal('gateway.networking.k8s.io/v1'),
  kind: z.literal('GRPCRoute'),
  metadata: metadata(objectName),
  spec: routeSpec(rule),
  status,
})

export type GrpcRouteResource = z.output<typeof grpcRouteKind>
export type GrpcRouteMatch = z.output<typeof routeMatch>
