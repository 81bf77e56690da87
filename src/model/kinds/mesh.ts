import { z } from 'zod'
import { outboundTrafficPolicies } from '../outbound.ts'
import { metadata, objectName, positiveDuration } from './common.ts'

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
    outboundTrafficPolicy: z
      .enum(outboundTrafficPolicies)
      .default('allowAny')
      .describe('Whether transparent mode reaches destinations that are not in the mesh.'),
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
