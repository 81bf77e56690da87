import { z } from 'zod'

/**
 * Fields that frame a message or belong to one hop (RFC 9110 §7.6.1, RFC 9112 §6), which each codec writes itself, and
 * those that only sidecars may set.
 */
const reserved: ReadonlyMap<string, string> = new Map([
  ['host', 'use URLRewrite with hostname'],
  ...[
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'upgrade',
    'expect',
  ].map(name => [name, 'each hop writes it anew'] as const),
  ['x-forwarded-client-cert', 'only a sidecar may say who called'],
])

/** Why nobody's settings may change this header, in whatever spelling; undefined when they may. */
export function reservedReason(spelling: string): string | undefined {
  const name = spelling.toLowerCase().replaceAll('_', '-')
  if (name.startsWith('x-weft-')) return 'sidecars speak to each other by it'
  return reserved.get(name)
}

export const headerName = z
  .string()
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, 'is no header name')

const changedName = headerName.superRefine((name, context) => {
  const why = reservedReason(name)
  if (why !== undefined)
    context.addIssue({ code: 'custom', message: `${name} cannot be changed by a route: ${why}` })
})

const field = z.strictObject({
  name: changedName,
  // RFC 9110 §5.5, without what could end the line.
  value: z
    .string()
    .max(4096)
    .regex(/^[!-~](?:[\t -~]*[!-~])?$/, 'must be printable ASCII, with no space at its ends'),
})

/** Gateway API's HTTPHeaderFilter. */
export const headerModifier = z
  .strictObject({
    set: z.array(field).max(16).default([]),
    add: z.array(field).max(16).default([]),
    remove: z.array(changedName).max(16).default([]),
  })
  .superRefine(({ set, add, remove }, context) => {
    const names = [...remove, ...[...set, ...add].map(({ name }) => name)]
    const seen = new Set<string>()
    for (const name of names) {
      // Gateway API: several actions on one header are invalid.
      if (seen.has(name.toLowerCase()))
        context.addIssue({
          code: 'custom',
          message: `${name} is named twice; give all its values in one field, separated by commas`,
        })
      seen.add(name.toLowerCase())
    }
  })

export type HeaderModifier = z.output<typeof headerModifier>
