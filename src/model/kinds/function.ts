import { z } from 'zod'
import { metadata, objectName, port, positiveDuration, serviceName } from './common.ts'

/** Runtimes by the names that AWS Lambda gives them, with a version or without. */
const runtimePattern = /^(?:python3(?:\.\d{1,2})?|provided(?:\.al\d{1,4})?)$/

const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/, 'is no name of a variable'),
  z.string(),
)

const mebibytes = z
  .string()
  .regex(/^[1-9]\d{0,5}(?:Mi|Gi)$/, 'must be a size such as 128Mi or 1Gi')
  .transform(text => Number.parseInt(text, 10) * (text.endsWith('Gi') ? 1024 : 1))

const scale = z
  .strictObject({
    min: z.int().min(0).max(1000).default(0).describe('Instances kept when nobody calls.'),
    max: z.int().min(1).max(1000).default(10),
    keepAlive: positiveDuration
      .prefault('5m')
      .describe('An instance that was idle for so long is ended.'),
    tier: z
      .enum(['hot', 'frozen'])
      .default('hot')
      .describe('What an idle instance is until then: `frozen` ones get no processor.'),
  })
  .prefault({})
  .refine(({ min, max }) => min <= max, { path: ['min'], message: 'must not be over max' })

const maxTimeoutMs = 900_000

const spec = z
  .strictObject({
    runtime: z
      .string()
      .regex(runtimePattern, 'must be python3, python3.11 or the like, or provided')
      .optional()
      .describe('How the code is run: `provided` runs its program `bootstrap`.'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Instead of a runtime: a program that speaks the AWS Lambda Runtime API.'),
    code: z.string().min(1).describe('Directory of the code; the program starts there.'),
    handler: z.string().default('').describe('As the runtime wants it: `module.function`.'),
    environment: variables.default({}),
    secrets: variables
      .default({})
      .describe('Variables that get the content of a file, which is read when an instance starts.'),
    memory: mebibytes.prefault('128Mi'),
    timeout: positiveDuration
      .refine(ms => ms <= maxTimeoutMs, 'must not be over 15 minutes')
      .prefault('3s')
      .describe('Of one invocation.'),
    initTimeout: positiveDuration
      .prefault('10s')
      .describe('Until an instance has loaded the code.'),
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .default(1)
      .describe('Invocations at once in one instance, if the runtime can do more than one.'),
    scale,
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
  .superRefine(({ runtime, command }, context) => {
    const message = 'give either a runtime or a command'
    if ((runtime === undefined) === (command === undefined))
      context.addIssue({ code: 'custom', path: ['runtime'], message })
  })

/** weft.dev/v1alpha1 Function: code that runs when it is called by its name. */
export const functionKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('Function'),
  metadata: metadata(serviceName),
  spec,
})

export type FunctionResource = z.output<typeof functionKind>
