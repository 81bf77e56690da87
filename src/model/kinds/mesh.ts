import { z } from 'zod'
import { metadata, objectName } from './common.ts'

/** weft.dev/v1alpha1 Mesh: settings of the whole. At most one. */
export const meshKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('Mesh'),
  metadata: metadata(objectName),
  spec: z
    .strictObject({
      /** First part of every identity. */
      trustDomain: z
        .string()
        .regex(/^[a-z0-9._-]{1,255}$/, 'must be lower-case letters, digits, ".", "_" and "-"')
        .default('weft.local'),
      /** `permissive` takes plain text on inbound too, and counts it. */
      mtls: z.enum(['strict', 'permissive']).default('permissive'),
    })
    .prefault({}),
})

export type MeshResource = z.output<typeof meshKind>
