import { z } from 'zod'
import { port, positiveDuration } from '../common.ts'

/** Runtimes by the names that AWS Lambda gives them, with a version or without. */
const runtimePattern =
  /^(?:python3(?:\.\d{1,2})?|nodejs(?:\d{1,2}(?:\.x)?)?|provided(?:\.al\d{1,4})?)$/

const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,255}$/),
  z.string(),
  // What the pattern says of a key does not come out.
  { error: ({ code }) => (code === 'invalid_key' ? 'is no name of a variable' : undefined) },
)

const mebibytes = z
  .string()
  .regex(/^[1-9]\d{0,5}(?:Mi|Gi)$/, 'must be a size such as 128Mi or 1Gi')
  .transform(text => Number.parseInt(text, 10) * (text.endsWith('Gi') ? 1024 : 1))

const maxTimeoutMs = 900_000

/** What runs, and within which limits, before defaults: versions of a function give some of it anew. */
export const codeShape = {
  runtime: z
    .string()
    .regex(runtimePattern, 'must be python3, python3.11, nodejs, nodejs22.x, provided or the like')
    .describe('How the code is run: `provided` runs its program `bootstrap`.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .describe('Instead of a runtime: a program that speaks `protocol`.'),
  protocol: z
    .enum(['lambda', 'http'])
    .describe('What a command or image speaks: the AWS Lambda Runtime API, or HTTP as a server.'),
  port: port.describe('Where a server of HTTP listens. Default: one that PORT names.'),
  image: z
    .string()
    .min(1)
    .describe('For `oci` the directory of a root file system, for `docker` the name of an image.'),
  code: z.string().min(1).describe('Directory of the code; the program starts there.'),
  handler: z.string().describe('As the runtime wants it: `module.function`.'),
  input: z
    .enum(['http', 'cloudevent'])
    .describe('What a handler gets of a request by HTTP: payload format 2.0, or its CloudEvent.'),
  environment: variables,
  secrets: variables.describe(
    'Variables that get the content of a file, which is read when an instance starts.',
  ),
  memory: mebibytes,
  timeout: positiveDuration
    .refine(ms => ms <= maxTimeoutMs, 'must not be over 15 minutes')
    .describe('Of one invocation.'),
  initTimeout: positiveDuration.describe('Until an instance has loaded the code.'),
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .describe('Invocations at once in one instance, if the runtime can do more than one.'),
}

/** The same with what holds where nothing is said. */
export const codeFields = {
  ...codeShape,
  runtime: codeShape.runtime.optional(),
  command: codeShape.command.optional(),
  protocol: codeShape.protocol.default('lambda'),
  port: codeShape.port.optional(),
  image: codeShape.image.optional(),
  code: codeShape.code.optional(),
  handler: codeShape.handler.default(''),
  input: codeShape.input.default('http'),
  environment: codeShape.environment.default({}),
  secrets: codeShape.secrets.default({}),
  memory: codeShape.memory.prefault('128Mi'),
  timeout: codeShape.timeout.prefault('3s'),
  initTimeout: codeShape.initTimeout.prefault('10s'),
  concurrency: codeShape.concurrency.default(1),
}

interface Runnable {
  readonly runtime?: string | undefined
  readonly command?: readonly string[] | undefined
  readonly image?: string | undefined
  readonly code?: string | undefined
  readonly protocol: 'lambda' | 'http'
  readonly port?: number | undefined
}

interface Code extends Runnable {
  readonly driver: string
  readonly placement?: { readonly backends: readonly { readonly kind: string }[] } | undefined
  readonly scale: { readonly max: number; readonly pool: number; readonly zero: string }
}

type Rule = readonly [path: string, isBroken: (code: Code) => boolean, message: string]

const isContainer = ({ driver }: Code): boolean => driver === 'docker' || driver === 'kubernetes'
/** It needs code on its host. */
const runsHere = (code: Code): boolean =>
  !isContainer(code) && code.placement?.backends.every(({ kind }) => kind !== 'local') !== true

/** What fields of a function must be to each other. */
const rules: readonly Rule[] = [
  [
    'runtime',
    ({ runtime, command }) => runtime !== undefined && command !== undefined,
    'give either a runtime or a command',
  ],
  [
    'runtime',
    code => runsHere(code) && code.runtime === undefined && code.command === undefined,
    'give either a runtime or a command',
  ],
  [
    'code',
    code => runsHere(code) && code.code === undefined,
    'is needed: the directory that the program starts in',
  ],
  [
    'image',
    ({ driver, image }) => (driver === 'oci' || driver === 'docker') && image === undefined,
    'is needed by this driver',
  ],
  [
    'protocol',
    ({ protocol, runtime }) => protocol === 'http' && runtime !== undefined,
    'a runtime speaks `lambda`; servers of HTTP are started by a command',
  ],
  ['port', ({ protocol, port }) => protocol === 'lambda' && port !== undefined, 'is for `http`'],
  [
    'port',
    ({ port, scale, driver }) => port !== undefined && driver === 'process' && scale.max > 1,
    'is taken by the first instance: set scale.max to 1, or leave the port to PORT',
  ],
  [
    'scale.pool',
    ({ scale, runtime, driver }) =>
      scale.pool > 0 && driver === 'process' && runtime?.startsWith('provided') === true,
    'keeps runtimes of Python and Node ready: nothing is known of `provided`',
  ],
  [
    'driver',
    code => isContainer(code) && code.scale.zero === 'stopped',
    'with docker and kubernetes scale.zero is `gone`: the sidecar stands in each instance',
  ],
]

/** What a version gives anew. */
type Version = { readonly [Field in keyof Runnable]?: Runnable[Field] | undefined }

interface Versioned extends Code {
  readonly versions: readonly Version[]
}

type Report = (path: readonly PropertyKey[], message: string) => void

export function mustFit(code: Versioned, context: z.core.$RefinementCtx<unknown>): void {
  const report: Report = (path, message) =>
    context.addIssue({ code: 'custom', path: [...path], message })
  for (const [field, isBroken, message] of rules)
    if (isBroken(code)) report(field.split('.'), message)
  for (const [index, version] of code.versions.entries()) {
    const whole = withVersion(code, version)
    for (const [field, isBroken, message] of rules)
      if (isBroken(whole) && !isBroken(code)) report(pathOf(version, index, field), message)
  }
  portsMustDiffer(code, report)
}

/** Each version has instances of its own, which may run at the same time. */
function portsMustDiffer(code: Versioned, report: Report): void {
  if (code.driver !== 'process') return
  const taken = new Set([code.port])
  for (const [index, version] of code.versions.entries()) {
    const { port } = withVersion(code, version)
    if (port !== undefined && taken.has(port))
      report(
        pathOf(version, index, 'port'),
        'is taken by another version: give each its own, or leave the port to PORT',
      )
    taken.add(port)
  }
}

/** Of what a version says, or of the version where it has it from the function. */
function pathOf(version: Version, index: number, field: string): readonly PropertyKey[] {
  return ['versions', index, ...(field in version ? [field] : [])]
}

/** A runtime or a command of its own stands for either. */
function withVersion(code: Code, version: Version): Code {
  const { runtime, command, ...rest } = code
  const runs =
    version.runtime === undefined && version.command === undefined ? { runtime, command } : {}
  const said = Object.entries(version).filter(([, value]) => value !== undefined)
  return { ...rest, ...runs, ...(Object.fromEntries(said) as Partial<Runnable>) }
}
