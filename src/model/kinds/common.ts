import { z } from 'zod'
import { parseDuration } from '../../base/duration.ts'

/** RFC 1123 label, as Kubernetes wants for names of Services. */
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const subdomainPattern = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/

export const serviceName = z
  .string()
  .regex(labelPattern, 'must be lower-case letters, digits and "-", at most 63')
export const objectName = z
  .string()
  .regex(subdomainPattern, 'must be lower-case letters, digits, "-" and "."')
export const namespace = z.string().regex(labelPattern, 'must be a lower-case name')
export const port = z.int().min(1).max(65_535)
export const labels = z.record(z.string(), z.string())
export const urlPath = z.string().regex(/^\/[!-~]*$/, 'must start with "/" and hold no space')
export const ratio = z.number().min(0).max(1)

/** A timer of Node holds no more: with a longer one it would end at once. */
const maxDurationMs = 2 ** 31 - 1

/** Gateway API's durations (`500ms`, `1m30s`), as ms. */
export const duration = z
  .string()
  .meta({
    description: 'Duration such as 500ms, 10s or 1m30s.',
    examples: ['500ms', '10s'],
    pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$',
  })
  .transform((text, context): number => {
    const ms = parseDuration(text)
    if (ms !== undefined && ms <= maxDurationMs) return ms
    const why = ms === undefined ? 'is no duration such as 500ms, 10s or 1m30s' : 'is over 24 days'
    context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} ${why}` })
    return z.NEVER
  })

/** A {@link duration} for which 0 would not mean "off" but "always" or "at once". */
export const positiveDuration = duration.refine(ms => ms > 0, 'must be longer than 0s')

/** Fields that the API server adds to what people wrote; a dump of a cluster loads too. */
const bookkeeping = {
  uid: z.unknown(),
  resourceVersion: z.unknown(),
  generation: z.unknown(),
  creationTimestamp: z.unknown(),
  deletionTimestamp: z.unknown(),
  deletionGracePeriodSeconds: z.unknown(),
  managedFields: z.unknown(),
  ownerReferences: z.unknown(),
  finalizers: z.unknown(),
  generateName: z.unknown(),
  selfLink: z.unknown(),
}

export function metadata(name: z.ZodString) {
  return z.strictObject({
    name,
    namespace: namespace.default('default'),
    labels: labels.default({}),
    annotations: z.record(z.string(), z.string()).optional(),
    ...z.strictObject(bookkeeping).partial().shape,
  })
}

/** Status is the cluster's word, not ours to check. */
export const status = z.unknown().optional()

/** Text with a wildcard at its end, at its start, or instead of it; compared as text, as Istio does. */
export const wildcardText = z
  .string()
  .max(1024)
  .regex(/^(\*|\*?[^*]+|[^*]+\*)$/, '"*" may stand at the start, at the end, or alone')

/** A method of HTTP. */
export const method = z
  .string()
  .regex(/^[A-Z][A-Z0-9_-]{0,31}$/, 'must be a method in upper case')
  .refine(name => name !== 'CONNECT', 'a CONNECT is a TCP connection here: name its port')

/** A path as the application sees it. */
export const pathPattern = wildcardText.refine(
  text => /^[/*]/.test(text) && !/[%\\?#]|\/\/|\/\.{1,2}(?:\/|\*?$)/.test(text),
  'must start with "/" or "*", without query, "%", "\\", "//" and dot segments: as the application sees it',
)

/** What no policy ever sees: it is for a single connection or says how the message is framed. */
const connectionFields =
  /^(?:connection|content-length|expect|host|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/

/** Name of a header field that policies can look at, made lower-case. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'is no header name')
  .refine(name => !connectionFields.test(name.toLowerCase()), 'is a field that no policy can see')
  .transform(name => name.toLowerCase())

/** The workloads of the own namespace that a policy is for. */
export const policyTarget = {
  targetRef: z
    .strictObject({
      group: z.enum(['', 'weft.dev']).optional(),
      kind: z.enum(['Service', 'Function']).default('Service'),
      name: serviceName,
      port: port.optional().describe('Of the Service. Default: all of its ports.'),
    })
    .optional()
    .describe('The workloads of a Service, or the hosts of a Function.'),
  selector: z
    .strictObject({
      matchLabels: labels.refine(given => Object.keys(given).length > 0, 'needs a label'),
    })
    .optional()
    .describe('Workloads by their labels. With neither this nor targetRef: all of the namespace.'),
}

interface PolicyTargetFields {
  readonly targetRef?: { readonly kind: string; readonly port?: number | undefined } | undefined
  readonly selector?: object | undefined
}

/** For a kind with {@link policyTarget}. */
export function checkPolicyTarget(
  { targetRef, selector }: PolicyTargetFields,
  context: z.core.$RefinementCtx,
): void {
  const report = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message })
  if (targetRef !== undefined && selector !== undefined)
    report(['selector'], 'give targetRef or selector, not both')
  if (targetRef?.kind === 'Function' && targetRef.port !== undefined)
    report(['targetRef', 'port'], 'a Function has no ports')
}
