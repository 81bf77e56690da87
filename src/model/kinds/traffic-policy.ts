import { z } from 'zod'
import { maxHalfOpenRequests } from '../cluster.ts'
import { grpcFailureNames } from '../grpc-status.ts'
import { duration, metadata, objectName, positiveDuration, ratio, urlPath } from './common.ts'
import { loadBalancing } from './traffic/load-balancing.ts'
import { outlierDetection } from './traffic/outlier-detection.ts'
import { rateLimits } from './traffic/rate-limits.ts'
import { adaptiveConcurrency } from './traffic/adaptive-concurrency.ts'
import { faults } from './traffic/faults.ts'
import { hedging } from './traffic/hedging.ts'
import { checkTarget, policyTargetRef } from './traffic/policy-target.ts'

const count = z.int().min(1)

const timeout = duration.optional()

/** weft.dev/v1alpha1 TrafficPolicy: how callers treat a Service, a route to it, or the hosts of a ServiceEntry. */
export const trafficPolicyKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('TrafficPolicy'),
  metadata: metadata(objectName),
  spec: z
    .strictObject({
      targetRef: policyTargetRef,
      loadBalancing: loadBalancing.optional(),
      connectTimeout: positiveDuration.optional(),
      circuitBreaker: z
        .strictObject({
          enabled: z.boolean(),
          failureRatio: ratio,
          minRequests: count,
          window: positiveDuration,
          openFor: positiveDuration,
          halfOpenRequests: count
            .max(maxHalfOpenRequests)
            .describe('Probes at once, all of which must succeed to close it. Default 1.'),
        })
        .partial()
        .optional(),
      outlierDetection: outlierDetection.optional(),
      retryBudget: z
        .strictObject({ ratio, minPerSecond: z.number().min(0), window: positiveDuration })
        .partial()
        .optional(),
      retry: z
        .strictObject({
          attempts: z.int().min(0).max(10),
          perTryTimeout: duration.describe('0s: no limit.'),
          statuses: z.array(z.int().min(400).max(599)),
          grpcStatuses: z
            .array(z.enum(grpcFailureNames))
            .max(grpcFailureNames.length)
            .describe('Statuses of gRPC that are tried again, such as UNAVAILABLE. Default: none.'),
          idempotencyKey: z
            .boolean()
            .describe('Whether a request with an Idempotency-Key is idempotent. Default: false.'),
          backoff: duration,
        })
        .partial()
        .optional(),
      hedging: hedging.optional(),
      faults: faults.optional().describe('Injected on purpose, to try what callers make of them.'),
      timeouts: z
        .strictObject({ request: timeout, backendRequest: timeout })
        .optional()
        .describe('As of an HTTPRoute, for routes that say nothing of their own. 0s: no limit.'),
      concurrency: z
        .strictObject({
          maxRequests: count,
          maxQueued: z.int().min(0).max(100_000).describe('Requests that wait. Default: 0.'),
          queueTimeout: positiveDuration.describe('Their longest wait. Default: 100ms.'),
          maxPending: count,
          maxConnectionsPerEndpoint: count,
        })
        .partial()
        .optional(),
      adaptiveConcurrency: adaptiveConcurrency.optional(),
      rateLimits: rateLimits.describe('Kept by the sidecars of the Service itself.'),
      healthCheck: z
        .strictObject({
          path: urlPath.default('/healthz'),
          interval: positiveDuration.prefault('5s'),
          timeout: positiveDuration.prefault('1s'),
          healthyThreshold: count.default(2),
          unhealthyThreshold: count.default(3),
        })
        .optional()
        .describe('Active checks of endpoints outside the mesh.'),
    })
    .superRefine(checkTarget),
})

export type TrafficPolicyResource = z.output<typeof trafficPolicyKind>
