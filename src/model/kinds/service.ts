import { z } from 'zod'
import { isLabelled, type Labels } from '../labels.ts'
import { qualify } from '../qualified-name.ts'
import { labels, metadata, port, serviceName, status } from './common.ts'

const servicePort = z.strictObject({
  name: z.string().optional(),
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).default('TCP'),
  appProtocol: z.string().optional(),
  port,
  targetPort: z
    .union([port, z.string().min(1)], 'must be a port, or the name of one')
    .optional()
    .describe("A number, or the name of a Workload's port. Default: the same as `port`."),
  nodePort: z.unknown().optional(),
})

const ports = z.array(servicePort).superRefine((list, context) => {
  for (const [index, { name, port: number, protocol }] of list.entries()) {
    const earlier = list.slice(0, index)
    if (earlier.some(other => other.port === number && other.protocol === protocol)) {
      const message = `${protocol} port ${number} is given twice`
      context.addIssue({ code: 'custom', path: [index, 'port'], message })
    }
    if (name !== undefined && earlier.some(other => other.name === name)) {
      const message = `${JSON.stringify(name)} is the name of another port`
      context.addIssue({ code: 'custom', path: [index, 'name'], message })
    }
  }
})

/** As the API server has it ("Service"): only what no port is reached by may have none. */
function mustHavePorts(
  { ports: list, clusterIP, type }: { ports: unknown[]; clusterIP?: unknown; type?: unknown },
  context: z.core.$RefinementCtx,
): void {
  if (list.length > 0 || clusterIP === 'None' || type === 'ExternalName') return
  const message = 'needs a port, unless it is headless (clusterIP: None) or an ExternalName'
  context.addIssue({ code: 'custom', path: ['ports'], message })
}

/** v1/Service. Fields about the cluster's own load balancing are taken and not used. */
export const serviceKind = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata: metadata(serviceName),
  spec: z
    .strictObject({
      selector: labels.optional(),
      ports: ports.default([]),
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
    })
    .superRefine(mustHavePorts),
  status,
})

export type ServiceResource = z.output<typeof serviceKind>
export type ServicePort = z.output<typeof servicePort>

/** The names that callers know it by, without those of its addresses; the short one only in its namespace. */
export function serviceHosts(metadata: ServiceResource['metadata']): string[] {
  const qualified = qualify(metadata)
  return [metadata.name, qualified, `${qualified}.svc`, `${qualified}.svc.cluster.local`]
}

/** What a selector looks at. */
interface Selectable {
  readonly namespace: string
  readonly labels: Labels
}

/** A Service without a selector selects nothing: it has its endpoints from slices alone, as in Kubernetes. */
export function selects({ metadata, spec }: ServiceResource, workload: Selectable): boolean {
  const { selector = {} } = spec
  return (
    metadata.namespace === workload.namespace &&
    Object.keys(selector).length > 0 &&
    isLabelled(workload.labels, selector)
  )
}

/** Those that a cluster has given to the Service, as they stand there: none of a headless one. */
export function clusterAddresses({ spec }: ServiceResource): string[] {
  const { clusterIP, clusterIPs } = spec
  const given: unknown[] = [clusterIP, ...(Array.isArray(clusterIPs) ? clusterIPs : [])]
  const addresses = given.filter(
    (address): address is string =>
      typeof address === 'string' && address !== '' && address !== 'None',
  )
  return [...new Set(addresses)]
}
