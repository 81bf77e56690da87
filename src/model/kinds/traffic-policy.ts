import { z } from 'zod'
import { maxHalfOpenRequests } from '../cluster.ts'
import { grpcFailureNames } from '../grpc-status.ts'
import {
  duration,
  metadata,
  objectName,
  port,
  positiveDuration,
  ratio,
  serviceName,
  urlPath,
} from './common.ts'
import { loadBalancing } from './load-balancing.ts'
import { outlierDetection } from './outlier-detection.ts'

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
      port: port.optional().describe('Default: all ports of the Service.'),
    }),
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
      .strictObject({ ratio, minPerSecond: z.number().min(0) })
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
        backoff: duration,
      })
      .partial()
      .optional(),
    concurrency: z
      .strictObject({ maxRequests: count, maxPending: count, maxConnectionsPerEndpoint: count })
      .partial()
      .optional(),
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
  }),
})

export type TrafficPolicyResource = z.output<typeof trafficPolicyKind>
