import { z } from 'zod'
import { duration, metadata, objectName, serviceName, status } from '../common.ts'

const hourMs = 3_600_000
const budgetInterval = duration.refine(ms => ms >= 1000 && ms <= hourMs, 'must be from 1s to 1h')
const rateInterval = duration.refine(
  ms => ms > 0 && ms <= hourMs,
  'must be longer than 0s, and at most 1h',
)

/** GEP-3388, with its defaults. */
const retryConstraint = z.strictObject({
  budget: z
    .strictObject({
      percent: z.int().min(0).max(100).default(20),
      interval: budgetInterval.prefault('10s'),
    })
    .prefault({}),
  minRetryRate: z
    .strictObject({
      count: z.int().min(1).max(1_000_000).default(10),
      interval: rateInterval.prefault('1s'),
    })
    .prefault({}),
})

/**
 * gateway.networking.x-k8s.io/v1alpha1 XBackendTrafficPolicy: the retry budget of Services. Where a TrafficPolicy of
 * the Service has one too, that holds.
 */
export const backendTrafficPolicyKind = z.strictObject({
  apiVersion: z.literal('gateway.networking.x-k8s.io/v1alpha1'),
  kind: z.literal('XBackendTrafficPolicy'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    targetRefs: z
      .array(
        z.strictObject({
          group: z.literal('').default(''),
          kind: z.literal('Service', 'must be Service: nothing else has a budget here'),
          name: serviceName,
        }),
      )
      .min(1)
      .max(16),
    retryConstraint: retryConstraint.optional(),
  }),
  status,
})

export type BackendTrafficPolicyResource = z.output<typeof backendTrafficPolicyKind>
