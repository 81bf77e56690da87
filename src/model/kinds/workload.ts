import { z } from 'zod'
import { duration, metadata, objectName, port } from './common.ts'

/** weft.dev/v1alpha1 Workload: one running instance of a service. */
export const workloadKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('Workload'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    /** Last part of its identity. Default: its own name. */
    serviceAccount: objectName.optional(),
    address: z.string().min(1).default('127.0.0.1'),
    ports: z.array(z.strictObject({ name: z.string().optional(), port })).default([]),
    zone: z.string().optional(),
    weight: z.int().min(0).max(1_000_000).default(1),
    /** Asked by its own sidecar; while it fails the workload takes no traffic. */
    healthCheck: z
      .strictObject({
        path: z.string().startsWith('/').default('/healthz'),
        interval: duration.default(5000),
      })
      .optional(),
    /** Services that it calls on a local port of its sidecar. */
    upstreams: z.array(z.strictObject({ service: z.string().min(1), localPort: port })).default([]),
    /** How `weft up` starts it; PORT is set to its first port. */
    run: z
      .strictObject({
        command: z.array(z.string()).min(1),
        environment: z.record(z.string(), z.string()).default({}),
        directory: z.string().optional(),
      })
      .optional(),
    /** Ports of its sidecar, where `weft up` should not choose them. */
    sidecar: z
      .strictObject({
        enabled: z.boolean().default(true),
        adminPort: port.optional(),
        outboundPort: port.optional(),
        inboundPort: port.optional(),
      })
      .prefault({}),
  }),
})

export type WorkloadResource = z.output<typeof workloadKind>
