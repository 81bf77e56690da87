import { z } from 'zod'
import { positiveDuration } from '../common.ts'
import { reservedReason } from './header-modifier.ts'

/**
 * Gateway API's SessionPersistence (GEP-1619) as of 1.6, and the `idleTimeout` of releases before. A name is a token
 * (RFC 6265 §4.1.1, RFC 9110 §5.6.2).
 */
export const sessionPersistence = z
  .strictObject({
    sessionName: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'can be no name of a cookie or a header')
      .refine(name => !/^x-weft-/i.test(name), 'names with x-weft- are for sidecars')
      .optional()
      .describe('Default: one that is made of the name of the route.'),
    type: z.enum(['Cookie', 'Header']).default('Cookie'),
    absoluteTimeout: positiveDuration.optional().describe('Default: none.'),
    idleTimeout: positiveDuration.optional().describe('Default: none.'),
    cookieConfig: z
      .strictObject({ lifetimeType: z.enum(['Permanent', 'Session']).default('Session') })
      .optional(),
  })
  .superRefine(({ type, sessionName, absoluteTimeout, cookieConfig }, context) => {
    const why =
      type === 'Header' && sessionName !== undefined ? reservedReason(sessionName) : undefined
    if (why !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['sessionName'],
        message: `${sessionName} cannot hold a session: ${why}`,
      })
    if (cookieConfig === undefined) return
    if (type === 'Header')
      context.addIssue({
        code: 'custom',
        path: ['cookieConfig'],
        message: 'means nothing for the type Header',
      })
    else if (cookieConfig.lifetimeType === 'Permanent' && absoluteTimeout === undefined)
      context.addIssue({
        code: 'custom',
        path: ['absoluteTimeout'],
        message: 'is missing, and a Permanent cookie needs it',
      })
  })

export type SessionPersistenceFields = z.output<typeof sessionPersistence>
