import { z } from 'zod'
import { duration, metadata, objectName, port, ratio, serviceName } from './common.ts'

const count = z.int().min(1)

/** weft.dev/v1alpha1 TrafficPolicy: how callers treat a Service. What is left out has the default of cluster.ts. */
export const trafficPolicyKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('TrafficPolicy'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    targetRef: z.strictObject({
      group: z.literal('').optional(),
      kind: z.literal('Service').default('Service'),
      name: serviceName,
      /** Default: all ports of the Service. */
      port: port.optional(),
    }),
    loadBalancing: z.enum(['peak-ewma', 'least-request', 'round-robin']).optional(),
    connectTimeout: duration.optional(),
    circuitBreaker: z
      .strictObject({
        enabled: z.boolean(),
        failureRatio: ratio,
        minRequests: count,
        window: duration,
        openFor: duration,
      })
      .partial()
      .optional(),
    outlierDetection: z
      .strictObject({
        enabled: z.boolean(),
        consecutiveFailures: count,
        baseEjection: duration,
        maxEjection: duration,
        maxEjectedRatio: ratio,
        panicRatio: ratio,
      })
      .partial()
      .optional(),
    retryBudget: z
      .strictObject({ ratio, minPerSecond: z.number().min(0) })
      .partial()
      .optional(),
    retry: z
      .strictObject({
        attempts: z.int().min(0).max(10),
        perTryTimeout: duration,
        statuses: z.array(z.int().min(400).max(599)),
        backoff: duration,
      })
      .partial()
      .optional(),
    concurrency: z
      .strictObject({ maxRequests: count, maxPending: count, maxConnectionsPerEndpoint: count })
      .partial()
      .optional(),
    /** Active checks of endpoints outside the mesh. */
    healthCheck: z
      .strictObject({
        path: z.string().startsWith('/').default('/healthz'),
        interval: duration.default(5000),
        timeout: duration.default(1000),
        healthyThreshold: count.default(2),
        unhealthyThreshold: count.default(3),
      })
      .optional(),
  }),
})

export type TrafficPolicyResource = z.output<typeof trafficPolicyKind>
