import { z } from 'zod'
import { outboundTrafficPolicies } from '../outbound.ts'
import { pluginDirections, pluginFailureModes } from '../plugin.ts'
import { metadata, objectName, port, positiveDuration, urlPath } from './common.ts'

const ports = z
  .array(z.strictObject({ name: z.string().optional(), port }))
  .default([])
  .superRefine((list, context) => {
    for (const [index, { name }] of list.entries())
      if (name !== undefined && list.slice(0, index).some(other => other.name === name)) {
        const message = `${JSON.stringify(name)} is the name of another port`
        context.addIssue({ code: 'custom', path: [index, 'name'], message })
      }
  })

const plugin = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe('Of an ES module, .js or .ts; relative to the folder in which `weft up` runs.'),
  name: objectName.optional().describe('For logs and metrics. Default: the name of the file.'),
  config: z.record(z.string(), z.unknown()).default({}).describe('Handed to it as it is.'),
  direction: z.enum(pluginDirections).default('both'),
  onError: z
    .enum(pluginFailureModes)
    .default('fail')
    .describe('What becomes of a request in which it fails.'),
  timeout: positiveDuration.prefault('100ms').describe('For a promise of its onRequest.'),
})

const dnsMessage = 'must be true, false, or an object with a port'

const transparentMessage =
  'must be true, false, or an object with inboundPort and outboundTrafficPolicy'

/** weft.dev/v1alpha1 Workload: one running instance of a service. */
export const workloadKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('Workload'),
  metadata: metadata(objectName),
  spec: z.strictObject({
    serviceAccount: objectName
      .optional()
      .describe('Last part of its identity. Default: its own name.'),
    address: z.string().min(1).default('127.0.0.1'),
    ports,
    zone: z.string().optional(),
    weight: z.int().min(0).max(1_000_000).default(1),
    healthCheck: z
      .strictObject({
        path: urlPath.default('/healthz'),
        interval: positiveDuration.prefault('5s'),
      })
      .optional()
      .describe('Asked by its own sidecar; while it fails the workload takes no traffic.'),
    upstreams: z
      .array(z.strictObject({ service: z.string().min(1), localPort: port }))
      .default([])
      .describe('Services that it calls on a local port of its sidecar.'),
    run: z
      .strictObject({
        command: z.array(z.string()).min(1),
        environment: z.record(z.string(), z.string()).default({}),
        directory: z.string().optional(),
      })
      .optional()
      .describe('How `weft up` starts it; PORT is set to its first port.'),
    sidecar: z
      .strictObject({
        enabled: z.boolean().default(true),
        adminPort: port.optional(),
        outboundPort: port.optional(),
        inboundPort: port.optional(),
        dns: z
          .union([z.boolean(), z.strictObject({ port: port.optional() })], dnsMessage)
          .default(false)
          .describe('Whether its sidecar answers DNS for names of the mesh, and where.'),
        transparent: z
          .union(
            [
              z.boolean(),
              z.strictObject({
                inboundPort: port.optional(),
                outboundTrafficPolicy: z
                  .enum(outboundTrafficPolicies)
                  .optional()
                  .describe('Default: that of the Mesh.'),
              }),
            ],
            transparentMessage,
          )
          .default(false)
          .describe(
            'Whether `weft init` brings the traffic, and what becomes of unknown destinations.',
          ),
        plugins: z
          .array(plugin)
          .max(16)
          .optional()
          .describe('Run around each exchange, in this order, behind its authorization.'),
        workers: z
          .int()
          .min(1)
          .max(64)
          .optional()
          .describe('Threads that share its traffic, on Linux. Default 1.'),
      })
      .refine(({ workers = 1, dns }) => workers === 1 || dns === false, {
        path: ['dns'],
        message: 'works on one thread: leave out `workers`, or this',
      })
      .prefault({})
      .describe('Its sidecar; ports where `weft up` should not choose them.'),
  }),
})

export type WorkloadResource = z.output<typeof workloadKind>
