import { z } from 'zod'
import type { AwsLambdaSettings, BackendSettings } from '../../function/function-placement.ts'
import { objectName, positiveDuration } from '../common.ts'

const file = z.string().min(1)
const url = z.url({ protocol: /^https?$/, error: 'must be a URL of https' })
const amount = z.number().min(0)

const price = z
  .strictObject({
    perMillionCalls: amount.default(0),
    perGbSecond: amount.default(0),
    perVcpuSecond: amount.default(0),
    vcpus: amount.default(0),
    memoryMib: amount.default(128),
    granularityMs: z.number().min(1).default(1).describe('What is begun is paid.'),
    egressPerGb: amount.default(0),
  })
  .describe('In USD, as the provider lists it.')

const kinds = ['local', 'aws-lambda', 'cloud-run', 'azure-function', 'http'] as const

const fields = {
  region: z.string().min(1).max(100).describe('Where it is; without it residency keeps it out.'),
  timeout: positiveDuration.describe(
    'Where the caller sets no deadline, and at most. Default: 30s.',
  ),
  streaming: z.boolean().describe('Answers come as they are made. Default: false.'),
  allowPlainHttp: z.boolean().describe('http: to other machines too. Default: false.'),
  function: z.string().min(1).max(256).describe('Name or ARN of a function of AWS Lambda.'),
  qualifier: z.string().min(1).max(128).describe('Version or alias there.'),
  endpoint: url.describe('Of the Lambda API. Default: that of the region.'),
  streamContentType: z.string().min(1).describe('Of what it streams: the API does not tell.'),
  url,
  audience: z.string().min(1).describe('Of Google’s identity token. Default: the origin of url.'),
  passAuthorization: z.boolean().describe('The caller’s Authorization goes on. Default: false.'),
  keyFile: file.describe('Holds the key of the function.'),
  tokenFile: file.describe('Holds a bearer token.'),
}

type Field = keyof typeof fields
const common = ['region', 'timeout', 'streaming', 'allowPlainHttp'] as const

/** By kind: which fields it must have, and which it may. */
const shapes: Record<(typeof kinds)[number], { needs: readonly Field[]; may: readonly Field[] }> = {
  local: { needs: [], may: [] },
  'aws-lambda': {
    needs: ['region', 'function'],
    may: [...common, 'qualifier', 'endpoint', 'streamContentType'],
  },
  'cloud-run': { needs: ['url'], may: [...common, 'audience', 'passAuthorization'] },
  'azure-function': { needs: ['url'], may: [...common, 'keyFile'] },
  http: { needs: ['url'], may: [...common, 'tokenFile'] },
}

const backendFields = z.strictObject({
  name: objectName,
  kind: z.enum(kinds).describe('`local`: instances of this host.'),
  weight: z.int().min(0).max(1_000_000).default(1).describe('For `weighted`; 0 keeps it out.'),
  price: price.optional(),
  ...z.strictObject(fields).partial().shape,
})

const backend = backendFields
  .superRefine((given, context) => {
    const { needs, may } = shapes[given.kind]
    for (const field of Object.keys(fields) as Field[]) {
      const isGiven = given[field] !== undefined
      if (!isGiven && needs.includes(field))
        context.addIssue({ code: 'custom', path: [field], message: `is needed by ${given.kind}` })
      if (isGiven && !needs.includes(field) && !may.includes(field))
        context.addIssue({
          code: 'custom',
          path: [field],
          message: `${given.kind} has no such field`,
        })
    }
  })
  .transform(toSettings)

const defaultTimeoutMs = 30_000

type BackendFields = z.output<typeof backendFields>

/** What was given fits its kind by then. */
function toSettings(given: BackendFields): BackendSettings {
  const { name, kind, weight, price: costs, streaming = false } = given
  const own = { name, weight, price: costs }
  if (kind === 'local') return { ...own, kind }
  const remote = {
    ...own,
    timeoutMs: given.timeout ?? defaultTimeoutMs,
    responseMode: streaming ? ('streaming' as const) : ('buffered' as const),
    allowPlainHttp: given.allowPlainHttp ?? false,
  }
  return kind === 'aws-lambda' ? toLambda(given, remote) : toServer(given, { ...remote, kind })
}

type Remote = Omit<AwsLambdaSettings, 'kind' | keyof LambdaFields>
type LambdaFields = Pick<
  AwsLambdaSettings,
  'region' | 'functionName' | 'qualifier' | 'endpoint' | 'streamContentType'
>

function toLambda(given: BackendFields, remote: Remote): BackendSettings {
  const { region = '', function: functionName = '', qualifier, endpoint, streamContentType } = given
  const kind = 'aws-lambda'
  return { ...remote, kind, region, functionName, qualifier, endpoint, streamContentType }
}

function toServer(
  given: BackendFields,
  { kind, ...remote }: Remote & { readonly kind: 'cloud-run' | 'azure-function' | 'http' },
): BackendSettings {
  const { region, url: address = '', audience, passAuthorization = false } = given
  const common = { ...remote, region, url: address }
  switch (kind) {
    case 'cloud-run':
      return { ...common, kind, audience, passAuthorization }
    case 'azure-function':
      return { ...common, kind, keyFile: given.keyFile }
    case 'http':
      return { ...common, kind, tokenFile: given.tokenFile }
  }
}

const cost = z
  .strictObject({
    weights: z
      .strictObject({
        cost: amount.default(1),
        latency: amount.default(1),
        errors: amount.default(10),
      })
      .prefault({})
      .describe('Of USD per million calls, p95 by the SLO, and the share of calls that failed.'),
    latencySlo: positiveDuration.prefault('200ms'),
    exploration: z
      .number()
      .min(0)
      .max(0.05)
      .default(0.02)
      .describe('Share of calls that go to another than the best, to learn what it is like.'),
    switchMargin: z.number().min(0).max(1).default(0.1).describe('Another must be better by this,'),
    switchAfter: positiveDuration.prefault('30s').describe('and for so long.'),
  })
  .prefault({})
  .describe('What `policy: cost` goes by.')

/** Where a function may run, and by what it is decided. */
export const placement = z
  .strictObject({
    policy: z.enum(['failover', 'weighted', 'cost']).default('failover'),
    cost,
    residency: z
      .array(z.string().min(1).max(100))
      .min(1)
      .optional()
      .describe('Regions that data may be in; eu-* stands for all that begin so. Default: any.'),
    encryption: z
      .strictObject({
        keyFile: file.describe('Holds 32 bytes, raw or as base64.'),
        keyId: z.string().min(1).max(100),
        answers: z.boolean().default(true).describe('Whether answers have to be encrypted too.'),
      })
      .optional()
      .describe('Of events for any backend but the local one.'),
    requireEncryption: z.enum(['never', 'leaving-region', 'always']).default('never'),
    backends: z.array(backend).min(1).max(20).describe('In the order of `failover`.'),
  })
  .superRefine(({ backends, requireEncryption, encryption }, context) => {
    const names = backends.map(({ name }) => name)
    for (const [index, name] of names.entries())
      if (names.indexOf(name) < index)
        context.addIssue({
          code: 'custom',
          path: ['backends', index, 'name'],
          message: `${name} comes twice`,
        })
    if (requireEncryption !== 'never' && encryption === undefined)
      context.addIssue({
        code: 'custom',
        path: ['requireEncryption'],
        message: 'needs a key: give encryption.keyFile and keyId',
      })
  })

export type PlacementFields = z.output<typeof placement>
