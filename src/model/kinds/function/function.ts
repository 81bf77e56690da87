import { z } from 'zod'
import { metadata, objectName, port, positiveDuration, serviceName } from '../common.ts'
import { codeFields, mustFit } from './function-code.ts'
import { asynchronous, triggers } from './function-events.ts'
import { placement } from './function-placement.ts'
import { functionAliases, functionVersions, mustResolve } from './function-versions.ts'

const scale = z
  .strictObject({
    min: z.int().min(0).max(1000).default(0).describe('Instances kept when nobody calls.'),
    max: z.int().min(1).max(1000).default(10),
    target: z
      .number()
      .min(0.05)
      .max(1)
      .default(0.7)
      .describe("Share of an instance's concurrency that is aimed at."),
    keepAlive: z
      .union([z.literal('auto'), positiveDuration])
      .default('auto')
      .describe('An instance idle for so long is ended; `auto` decides by the calls it has seen.'),
    tier: z
      .enum(['hot', 'frozen'])
      .default('hot')
      .describe('What an idle instance is until then: `frozen` ones get no processor.'),
    pool: z
      .int()
      .min(0)
      .max(100)
      .default(0)
      .describe('Processes with the runtime loaded that wait to become instances.'),
    zero: z
      .enum(['stopped', 'gone'])
      .default('stopped')
      .describe('What is left without instances: the sidecar, or nothing at all.'),
  })
  .prefault({})
  .refine(({ min, max }) => min <= max, { path: ['min'], message: 'must not be over max' })
  .refine(({ min, zero }) => zero === 'stopped' || min === 0, {
    path: ['zero'],
    message: 'with `gone` min must be 0',
  })

const spec = z
  .strictObject({
    ...codeFields,
    driver: z
      .enum(['process', 'oci', 'docker', 'kubernetes'])
      .default('process')
      .describe('What runs instances: the sidecar, or by Docker and Kubernetes the control plane.'),
    scale,
    versions: functionVersions,
    aliases: functionAliases,
    asynchronous,
    triggers,
    placement: placement.optional(),
    serviceAccount: objectName
      .optional()
      .describe('Last part of its identity. Default: its own name.'),
    sidecar: z
      .strictObject({
        adminPort: port.optional(),
        outboundPort: port.optional(),
        inboundPort: port.optional(),
      })
      .prefault({})
      .describe('Ports of its sidecar where `weft up` should not choose them.'),
  })
  .superRefine(mustFit)
  .superRefine(mustResolve)

/** weft.dev/v1alpha1 Function: code that runs when it is called by its name. */
export const functionKind = z
  .strictObject({
    apiVersion: z.literal('weft.dev/v1alpha1'),
    kind: z.literal('Function'),
    metadata: metadata(serviceName),
    spec,
  })
  .superRefine(
    (
      {
        metadata: { name },
        spec: {
          asynchronous: { onFailure, onSuccess },
        },
      },
      context,
    ) => {
      for (const [field, destination] of Object.entries({ onFailure, onSuccess }))
        if (destination === `function:${name}`)
          context.addIssue({
            code: 'custom',
            path: ['spec', 'asynchronous', field],
            message: 'is this function itself: its events would never end',
          })
    },
  )

export type FunctionResource = z.output<typeof functionKind>
