import { z } from 'zod'
import { namespace, port, serviceName } from '../common.ts'

/** Whether something of this kind can be a backend. */
export function isBackendKind({ group = '', kind }: BackendKind): boolean {
  if (kind === 'Function') return group === '' || group === 'weft.dev'
  return kind === 'Service' && group === ''
}

interface BackendKind {
  readonly group?: string | undefined
  readonly kind: string
}

/**
 * Of another kind than those that are known it is a reference that leads nowhere, as one to a Service that does not
 * exist: no error of this document alone (Gateway API, "ResolvedRefs: InvalidKind").
 */
export const backendReference = z.strictObject({
  group: z
    .string()
    .optional()
    .meta({ enum: ['', 'weft.dev'] }),
  kind: z
    .string()
    .default('Service')
    .meta({ enum: ['Service', 'Function'] }),
  name: serviceName,
  namespace: namespace.optional(),
  port: port
    .optional()
    .describe('Default: the only port that the Service has. A Function has none.'),
})
