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
