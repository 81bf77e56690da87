import { z } from 'zod'
import { metadata, objectName, port } from './common.ts'

/** Label by which a slice names its Service. */
export const serviceNameLabel = 'kubernetes.io/service-name'

const sliceEndpoint = z.strictObject({
  addresses: z.array(z.string().min(1)).min(1),
  conditions: z
    .strictObject({
      ready: z.boolean().nullish(),
      serving: z.boolean().nullish(),
      terminating: z.boolean().nullish(),
    })
    .optional(),
  hostname: z.unknown().optional(),
  nodeName: z.unknown().optional(),
  targetRef: z.unknown().optional(),
  deprecatedTopology: z.unknown().optional(),
  hints: z.unknown().optional(),
  zone: z.string().optional(),
})

/** discovery.k8s.io/v1 EndpointSlice: addresses outside the mesh. */
export const endpointSliceKind = z.strictObject({
  apiVersion: z.literal('discovery.k8s.io/v1'),
  kind: z.literal('EndpointSlice'),
  metadata: metadata(objectName),
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: z.array(sliceEndpoint).default([]),
  ports: z
    .array(
      z.strictObject({
        name: z.string().optional(),
        protocol: z.string().optional(),
        appProtocol: z.string().optional(),
        port,
      }),
    )
    .default([]),
})

export type EndpointSliceResource = z.output<typeof endpointSliceKind>
