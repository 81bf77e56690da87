import { z } from 'zod'
import { labels, metadata, port, serviceName, status } from './common.ts'

const servicePort = z.strictObject({
  name: z.string().optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
  appProtocol: z.string().optional(),
  port,
  /** A number, or the name of a Workload's port. Default: the same as `port`. */
  targetPort: z.union([port, z.string().min(1)]).optional(),
  nodePort: z.unknown().optional(),
})

/** v1/Service. Fields about the cluster's own load balancing are taken and not used. */
export const serviceKind = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata: metadata(serviceName),
  spec: z.strictObject({
    selector: labels.optional(),
    ports: z.array(servicePort).min(1),
    ...z
      .strictObject({
        type: z.string(),
        clusterIP: z.unknown(),
        clusterIPs: z.unknown(),
        externalIPs: z.unknown(),
        externalName: z.unknown(),
        externalTrafficPolicy: z.unknown(),
        internalTrafficPolicy: z.unknown(),
        ipFamilies: z.unknown(),
        ipFamilyPolicy: z.unknown(),
        loadBalancerIP: z.unknown(),
        loadBalancerClass: z.unknown(),
        loadBalancerSourceRanges: z.unknown(),
        allocateLoadBalancerNodePorts: z.unknown(),
        healthCheckNodePort: z.unknown(),
        publishNotReadyAddresses: z.unknown(),
        sessionAffinity: z.unknown(),
        sessionAffinityConfig: z.unknown(),
        trafficDistribution: z.unknown(),
      })
      .partial().shape,
  }),
  status,
})

export type ServiceResource = z.output<typeof serviceKind>
export type ServicePort = z.output<typeof servicePort>
