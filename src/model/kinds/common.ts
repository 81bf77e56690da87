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
export const port = z.int().min(1).max(65_535)
export const labels = z.record(z.string(), z.string())
export const ratio = z.number().min(0).max(1)

/** Gateway API's durations (`500ms`, `1m30s`), as ms. */
export const duration = z.string().transform((text, context): number => {
  const ms = parseDuration(text)
  if (ms === undefined) {
    context.addIssue({
      code: 'custom',
      message: `${JSON.stringify(text)} is no duration such as 500ms, 10s or 1m30s`,
    })
    return z.NEVER
  }
  return ms
})

/** Fields that the API server adds to what people wrote; a dump of a cluster loads too. */
const bookkeeping = {
  uid: z.unknown(),
  resourceVersion: z.unknown(),
  generation: z.unknown(),
  creationTimestamp: z.unknown(),
  managedFields: z.unknown(),
  ownerReferences: z.unknown(),
  finalizers: z.unknown(),
  generateName: z.unknown(),
}

export function metadata(name: z.ZodString) {
  return z.strictObject({
    name,
    namespace: z.string().regex(labelPattern, 'must be a lower-case name').default('default'),
    labels: labels.default({}),
    annotations: z.record(z.string(), z.string()).optional(),
    ...z.strictObject(bookkeeping).partial().shape,
  })
}

/** Status is the cluster's word, not ours to check. */
export const status = z.unknown().optional()
