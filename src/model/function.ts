/**
 * A function as the sidecar that hosts it is told: what to run, and within which limits. `command` speaks the AWS
 * Lambda Runtime API (version 2018-06-01).
 */
export interface FunctionSpec {
  readonly name: string
  readonly namespace: string
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Passed on as `_HANDLER`. */
  readonly handler: string
  /** Where the program starts, and `LAMBDA_TASK_ROOT`. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  /** Name of a variable → file whose content it gets, read at each start of an instance. */
  readonly secretFiles: Readonly<Record<string, string>>
  /** What the function is told that it may use, in MiB. */
  readonly memoryMib: number
  /** Of one invocation, from its start in an instance. */
  readonly timeoutMs: number
  /** From the start of an instance until it asks for its first event. */
  readonly initTimeoutMs: number
  /** Invocations at once in one instance. */
  readonly concurrency: number
  readonly scale: FunctionScale
}

interface FunctionScale {
  /** Instances that are kept when nobody calls. */
  readonly min: number
  readonly max: number
  /** An instance that was idle for so long is ended. */
  readonly keepAliveMs: number
  /** What it is until then: `frozen` ones hold memory, and get no processor. */
  readonly tier: 'hot' | 'frozen'
}

/** Largest event, and largest answer that is not streamed: what AWS Lambda takes, to the byte. */
export const maxPayloadBytes = 6_291_556

/** Largest streamed answer, as AWS Lambda has it by default. */
export const maxStreamedBytes = 20 * 1024 * 1024

/** Label that makes a workload's sidecar a host of the function of that name, in its own namespace. */
export const functionLabel = 'weft.dev/function'

/** Last part of the names by which functions are called: `hello.fn.mesh`. */
export const functionDomain = 'fn.mesh'

/** What stands in a function's ARN and environment for an AWS region. */
export const functionRegion = 'local'

/** No account of AWS can have this number. */
const account = '000000000000'

export function functionArn(name: string, qualifier?: string): string {
  const suffix = qualifier === undefined ? '' : `:${qualifier}`
  return `arn:aws:lambda:${functionRegion}:${account}:function:${name}${suffix}`
}
