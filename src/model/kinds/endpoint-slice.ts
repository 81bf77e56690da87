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
  targetRef: z
    .looseObject({
      kind: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
    })
    .optional(),
  deprecatedTopology: z.unknown().optional(),
  hints: z.unknown().optional(),
  zone: z.string().optional(),
})

const slicePort = z.strictObject({
  name: z.string().nullish(),
  protocol: z.string().nullish(),
  appProtocol: z.string().nullish(),
  port: port.nullish().describe('Absent: none that a Service could mean.'),
})

/** What the API server shows as `null` when it is empty. */
function list<T extends z.ZodType>(element: T) {
  return z
    .array(element)
    .nullish()
    .transform(elements => elements ?? [])
}

/** discovery.k8s.io/v1 EndpointSlice: in files addresses outside the mesh, in a cluster all that answers for a Service. */
export const endpointSliceKind = z.strictObject({
  apiVersion: z.literal('discovery.k8s.io/v1'),
  kind: z.literal('EndpointSlice'),
  metadata: metadata(objectName),
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
  endpoints: list(sliceEndpoint),
  ports: list(slicePort),
})

export type EndpointSliceResource = z.output<typeof endpointSliceKind>
