import { z } from 'zod'
import type { NatsCredentials } from '../function/function-events.ts'
import { outboundTrafficPolicies } from '../outbound.ts'
import { pathNormalizations } from '../policy/path-normalization.ts'
import { metadata, objectName, positiveDuration } from './common.ts'
import { overload } from './traffic/overload.ts'

const file = z.string().min(1)

const natsCredentials = z
  .strictObject({
    user: z.string().min(1).optional(),
    passwordFile: file.optional(),
    tokenFile: file.optional(),
    credsFile: file.optional().describe('As `nsc generate creds` writes it.'),
  })
  .transform(({ user, passwordFile, tokenFile, credsFile }, context): NatsCredentials => {
    if (credsFile !== undefined) return { kind: 'creds', credsFile }
    if (tokenFile !== undefined) return { kind: 'token', tokenFile }
    if (user !== undefined && passwordFile !== undefined)
      return { kind: 'password', user, passwordFile }
    context.addIssue({
      code: 'custom',
      message: 'give user and passwordFile, tokenFile or credsFile',
    })
    return z.NEVER
  })

const nats = z.strictObject({
  servers: z
    .array(z.string().regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port'))
    .min(1)
    .max(20),
  credentials: natsCredentials.optional().describe('Secrets are given by file.'),
  tls: z.strictObject({ caFile: file.optional() }).optional().describe('Absent: no TLS.'),
  stream: objectName.default('weft-events').describe('Of JetStream, shared by all functions.'),
})

const spec = z
  .strictObject({
    trustDomain: z
      .string()
      .regex(/^[a-z0-9._-]{1,255}$/, 'must be lower-case letters, digits, ".", "_" and "-"')
      .default('weft.local')
      .describe('First part of every identity.'),
    mtls: z
      .enum(['strict', 'permissive'])
      .default('permissive')
      .describe('`permissive` takes plain text on inbound too, and counts it.'),
    maxConnectionAge: positiveDuration
      .optional()
      .describe(
        'Older HTTP/2 connections of callers get a GOAWAY; what is in flight on them is finished. Default: none.',
      ),
    overload: overload
      .optional()
      .describe(
        'When sidecars that are overloaded themselves turn requests away, by x-weft-priority.',
      ),
    outboundTrafficPolicy: z
      .enum(outboundTrafficPolicies)
      .default('allowAny')
      .describe(
        'Whether captured connections, and CONNECT on the outbound port, reach what no Service and no ServiceEntry names.',
      ),
    defaultAuthorization: z
      .enum(['allow', 'deny'])
      .default('allow')
      .describe(
        '`deny`: a workload that no AuthorizationPolicy opens takes no calls. One without rules does the same for a namespace.',
      ),
    pathNormalization: z
      .enum(pathNormalizations)
      .default('mergeSlashes')
      .describe(
        'What is done to paths before policies and the application see them, where a policy looks at paths at all.',
      ),
    region: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe('Where the machines of this mesh are, for the residency of functions.'),
    eventQueue: z
      .strictObject({ nats })
      .optional()
      .describe(
        'Where events of functions wait that nobody waits for. Default: on the disk of their sidecar.',
      ),
  })
  .prefault({})

/** weft.dev/v1alpha1 Mesh: settings of the whole. At most one. */
export const meshKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('Mesh'),
  metadata: metadata(objectName),
  spec,
})

export type MeshResource = z.output<typeof meshKind>

/** The settings where no Mesh is given. */
export const meshDefaults: MeshResource['spec'] = spec.parse({})
