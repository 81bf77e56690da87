// The filters of Gateway API: which of them a kind of routes has, and what of them can stand together.
import { z } from 'zod'
import { nearest } from '../../parsing/nearest.ts'
import { port } from '../common.ts'
import { backendReference } from './backend-reference.ts'
import { cors } from './cors.ts'
import { headerModifier } from './header-modifier.ts'

type Context = z.core.$RefinementCtx

/** Gateway API's PreciseHostname. */
const hostname = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
    'must be a lower-case host name, without a port',
  )

/** Characters of a path as in RFC 3986 §3.3; a query or fragment is none of its parts. */
const pathText = z
  .string()
  .max(1024)
  .regex(/^[!"$-;=@-~]*$/, 'must be a path, without space, query and fragment')

const pathModifier = z
  .strictObject({
    type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch']),
    replaceFullPath: pathText.optional(),
    replacePrefixMatch: pathText.optional(),
  })
  .superRefine((modifier, context) => {
    const full = modifier.type === 'ReplaceFullPath'
    const [wanted, other] = full
      ? (['replaceFullPath', 'replacePrefixMatch'] as const)
      : (['replacePrefixMatch', 'replaceFullPath'] as const)
    const value = modifier[wanted]
    if (value === undefined) context.addIssue(needs(wanted, modifier.type))
    else if (!value.startsWith('/') && (full || value !== ''))
      context.addIssue({ code: 'custom', path: [wanted], message: 'must start with "/"' })
    if (modifier[other] !== undefined) context.addIssue(excess(other, modifier.type))
  })

const requestRedirect = z.strictObject({
  scheme: z.enum(['http', 'https']).optional(),
  hostname: hostname.optional(),
  path: pathModifier.optional(),
  port: port
    .optional()
    .describe(
      'Default: the well-known one of the scheme if that is given, else that of the request.',
    ),
  statusCode: z.literal([301, 302, 303, 307, 308]).default(302),
})

const urlRewrite = z.strictObject({ hostname: hostname.optional(), path: pathModifier.optional() })

const requestMirror = z
  .strictObject({
    backendRef: backendReference,
    percent: z.int().min(0).max(100).optional().describe('Default: 100.'),
    fraction: z
      .strictObject({ numerator: z.int().min(0), denominator: z.int().min(1).default(100) })
      .optional(),
  })
  .superRefine(({ percent, fraction }, context) => {
    if (fraction === undefined) return
    if (percent !== undefined)
      context.addIssue({ code: 'custom', message: 'give percent or fraction, not both' })
    if (fraction.numerator > fraction.denominator)
      context.addIssue({
        code: 'custom',
        path: ['fraction', 'numerator'],
        message: 'must not be greater than the denominator',
      })
  })

const modifiers = {
  requestHeaderModifier: headerModifier.optional(),
  responseHeaderModifier: headerModifier.optional(),
  requestMirror: requestMirror.optional(),
} as const

const httpTypes = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestMirror',
  'RequestRedirect',
  'URLRewrite',
  'CORS',
] as const

const grpcTypes = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror'] as const

/** HTTPRouteFilter. */
const httpFilter = z
  .strictObject({
    type: typeOf(httpTypes),
    ...modifiers,
    requestRedirect: requestRedirect.optional(),
    urlRewrite: urlRewrite.optional(),
    cors: cors.optional(),
  })
  .superRefine(checkFields)

/** GRPCRouteFilter. */
const grpcFilter = z
  .strictObject({ type: typeOf(grpcTypes), ...modifiers })
  .superRefine(checkFields)

export const httpFilters = z.array(httpFilter).max(16).default([]).superRefine(checkTogether)
export const grpcFilters = z.array(grpcFilter).max(16).default([]).superRefine(checkTogether)

/** Of either kind of routes. */
export type Filter = z.output<typeof httpFilter>
export type PathModifier = z.output<typeof pathModifier>

function typeOf<const T extends readonly string[]>(types: T) {
  return z.enum(types, {
    error: ({ input }) => {
      if (input === undefined) return 'is missing'
      const near = typeof input === 'string' ? nearest(input, types) : undefined
      const hint =
        near === undefined ? `known here: ${types.join(', ')}` : `did you mean "${near}"?`
      return `unknown filter ${JSON.stringify(input)}; ${hint}`
    },
  })
}

/** What a filter does stands in the field that is called as its type is, and no other field may be there. */
function checkFields(filter: { readonly type: string }, context: Context): void {
  const wanted = fieldOf(filter.type)
  const given = Object.entries(filter)
    .filter(([name, value]) => name !== 'type' && value !== undefined)
    .map(([name]) => name)
  if (!given.includes(wanted)) context.addIssue(needs(wanted, filter.type))
  for (const name of given) if (name !== wanted) context.addIssue(excess(name, filter.type))
}

/** `urlRewrite` of URLRewrite, `cors` of CORS. */
function fieldOf(type: string): string {
  return type.replace(/^(?:[A-Z]+$|[A-Z]+(?=[A-Z][a-z])|[A-Z])/, start => start.toLowerCase())
}

function checkTogether(filters: readonly { readonly type: string }[], context: Context): void {
  const types = filters.map(({ type }) => type)
  for (const [index, type] of types.entries())
    if (type !== 'RequestMirror' && types.indexOf(type) < index)
      context.addIssue({ code: 'custom', path: [index], message: `${type} can stand here once` })
  const rewrite = types.indexOf('URLRewrite')
  if (rewrite >= 0 && types.includes('RequestRedirect'))
    context.addIssue({
      code: 'custom',
      path: [rewrite],
      message: 'RequestRedirect answers the request: there is nothing to rewrite',
    })
}

function needs(field: string, type: string) {
  return { code: 'custom' as const, path: [field], message: `is missing, and ${type} needs it` }
}

function excess(field: string, type: string) {
  return { code: 'custom' as const, path: [field], message: `means nothing for ${type}` }
}
