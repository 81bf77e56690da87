import { z } from 'zod'
import { authorizationActions } from '../policy/authorization.ts'
import {
  checkPolicyTarget,
  headerName,
  metadata,
  method,
  objectName,
  pathPattern,
  policyTarget,
  port,
  status,
  wildcardText,
} from './common.ts'

const maxList = 256

/** An empty list would read as "nothing" and as "anything". */
function list<T extends z.ZodType>(element: T) {
  return z.array(element).min(1, 'leave it out, or name something').max(maxList).optional()
}

function isNotEmpty(fields: object): boolean {
  return Object.values(fields).some(field => field !== undefined)
}

/** Each part is a label of its own: a wildcard never reaches over the slash. */
const serviceAccount = z
  .string()
  .max(512)
  .regex(
    /^(?:(?:\*|\*?[^*/]+|[^*/]+\*)\/)?(?:\*|\*?[^*/]+|[^*/]+\*)$/,
    'must be <namespace>/<service account>, or a service account of this namespace',
  )

const source = z
  .strictObject({
    principals: list(wildcardText).describe(
      'SPIFFE IDs, `spiffe://weft.local/ns/default/sa/web`; `spiffe://` may be left out.',
    ),
    notPrincipals: list(wildcardText),
    namespaces: list(wildcardText),
    notNamespaces: list(wildcardText),
    serviceAccounts: list(serviceAccount).describe(
      '`default/web`, or `web` for one of the namespace of the policy.',
    ),
    notServiceAccounts: list(serviceAccount),
  })
  .refine(isNotEmpty, 'names nobody: leave out `from`, which means anybody')

const operation = z
  .strictObject({
    methods: list(method),
    notMethods: list(method),
    paths: list(pathPattern).describe('As the application sees them, decoded: `/admin/*`.'),
    notPaths: list(pathPattern),
    ports: list(port).describe('Of the application, not of the Service.'),
    notPorts: list(port),
  })
  .refine(isNotEmpty, 'names nothing: leave out `to`, which means anything')

const claim = z
  .union(
    [z.string().min(1).max(256), z.array(z.string().min(1).max(256)).min(1).max(8)],
    'must be the name of a claim, or the names that lead to it as a list',
  )
  .transform(names => (typeof names === 'string' ? [names] : names))

const condition = z
  .strictObject({
    header: headerName.optional(),
    claim: claim
      .optional()
      .describe('Of a token that a RequestAuthentication has verified; nested: a list of names.'),
    values: list(wildcardText),
    notValues: list(wildcardText),
  })
  .superRefine(({ header, claim: names, values, notValues }, context) => {
    if ((header === undefined) === (names === undefined))
      context.addIssue({ code: 'custom', message: 'needs either a header or a claim' })
    if (values === undefined && notValues === undefined)
      context.addIssue({ code: 'custom', message: 'needs values or notValues' })
  })

const rule = z.strictObject({
  from: list(source).describe('Callers. Default: anybody.'),
  to: list(operation).describe('What they call. Default: anything.'),
  when: list(condition).describe('All of them must hold.'),
})

/** weft.dev/v1alpha1 AuthorizationPolicy: who may call what, in the sense of Istio's. */
export const authorizationPolicyKind = z.strictObject({
  apiVersion: z.literal('weft.dev/v1alpha1'),
  kind: z.literal('AuthorizationPolicy'),
  metadata: metadata(objectName),
  spec: z
    .strictObject({
      ...policyTarget,
      action: z
        .enum(authorizationActions)
        .default('allow')
        .describe('`audit` logs and counts what fits.'),
      dryRun: z
        .boolean()
        .default(false)
        .describe('Logs and counts what it would refuse, and refuses nothing.'),
      rules: z
        .array(rule)
        .max(maxList)
        .default([])
        .describe('One suffices. `allow` without rules: nobody may do anything.'),
    })
    .superRefine((spec, context) => {
      checkPolicyTarget(spec, context)
      if (spec.action !== 'allow' && spec.rules.length === 0) {
        const message = `without rules it fits nothing; for everything write rules: [{}]`
        context.addIssue({ code: 'custom', path: ['rules'], message })
      }
    }),
  status,
})

export type AuthorizationPolicyResource = z.output<typeof authorizationPolicyKind>
