import type {
  AsynchronousPolicy,
  EventDirectorySpec,
  NatsQueue,
  ScheduleSpec,
} from './function-events.ts'

import type { PlacementSettings } from './function-placement.ts'

/** What starts and ends instances: the host's sidecar (`process`, `oci`), or the control plane, with a sidecar in each. */
export type FunctionDriver = 'process' | 'oci' | 'docker' | 'kubernetes'

/**
 * One version of a function as the sidecar that hosts it is told: what to run, and within which limits. Its program
 * speaks the AWS Lambda Runtime API (version 2018-06-01), or serves HTTP.
 */
export interface FunctionSpec {
  readonly name: string
  readonly namespace: string
  /** {@link latestVersion}, or the name of a version. */
  readonly version: string
  readonly driver: FunctionDriver
  /** What the host turns into a program, since that depends on its disk. Absent where `command` is given. */
  readonly runtime?: string
  /** Program and arguments; empty where a runtime or an image says it. */
  readonly command: readonly string[]
  readonly protocol: 'lambda' | 'http'
  /** Where a program of HTTP listens. Absent: on a free port of each instance, which `PORT` names. */
  readonly port?: number
  /** `oci`: directory of a root file system; `docker`: name of an image. */
  readonly image?: string
  /** Passed on as `_HANDLER`. */
  readonly handler: string
  /** What a handler gets of a request by HTTP: all of it in payload format 2.0, or the CloudEvent that it carries. */
  readonly input: 'http' | 'cloudevent'
  /** Where the program starts, and `LAMBDA_TASK_ROOT`. */
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  /** Name of a variable → file whose content it gets, read at each start of an instance. */
  readonly secretFiles: Readonly<Record<string, string>>
  /** In MiB; a limit where the driver can set one. */
  readonly memoryMib: number
  /** Of one invocation, from its start in an instance. */
  readonly timeoutMs: number
  /** From the start of an instance until it asks for its first event, or takes connections. */
  readonly initTimeoutMs: number
  /** Invocations at once in one instance. */
  readonly concurrency: number
  readonly scale: FunctionScale
}

export interface FunctionScale {
  /** Instances that are kept when nobody calls. */
  readonly min: number
  readonly max: number
  /** Share of an instance's concurrency that is aimed at, 0–1. */
  readonly target: number
  /** An instance that was idle for so long is ended; `auto`: decided by what was seen of the function's calls. */
  readonly keepAliveMs: number | 'auto'
  /** What it is until then: `frozen` ones hold memory, and get no processor. */
  readonly tier: 'hot' | 'frozen'
  /** Processes with the runtime loaded that wait to become instances. */
  readonly pool: number
  /** What remains when the last instance has ended: its sidecar, or nothing until the control plane is asked. */
  readonly zero: 'stopped' | 'gone'
}

/** What is called where no version is named. */
export const latestVersion = '$LATEST'

/** A function in all its versions, as its host is told. */
export interface HostedFunction {
  readonly name: string
  readonly namespace: string
  /** By their names; {@link latestVersion} is always among them. */
  readonly versions: Readonly<Record<string, FunctionSpec>> & {
    readonly [latestVersion]: FunctionSpec
  }
  /** By their names, which no version has. */
  readonly aliases: Readonly<Record<string, readonly WeightedVersion[]>>
  readonly asynchronous: AsynchronousPolicy
  /** Absent: events wait on the disk of this sidecar. */
  readonly queue?: NatsQueue
  /** Absent: it runs on its host only. */
  readonly placement?: PlacementSettings
  readonly schedules: readonly ScheduleSpec[]
  readonly directories: readonly EventDirectorySpec[]
}

export interface WeightedVersion {
  readonly version: string
  readonly weight: number
}

/** A version or alias of a function, where only names can stand: `http://hello--live.fn.mesh/`. */
export function qualifiedFunction(name: string, qualifier: string | undefined): string {
  return qualifier === undefined || qualifier === latestVersion ? name : `${name}--${qualifier}`
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
