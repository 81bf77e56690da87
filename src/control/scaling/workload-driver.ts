import type { FunctionSpec } from '../../model/function/function.ts'

/** A function as far as those who start its hosts need to know it. */
export interface ScaledFunction {
  readonly name: string
  readonly namespace: string
  readonly serviceAccount: string
  /** Of its latest version, for drivers that run the code beside the sidecar. */
  readonly spec: FunctionSpec
}

/**
 * Starts and ends hosts of functions: sidecars, with the function in them or beside them. What it throws reaches the
 * callers who wait: sentences that say what to do, without secrets.
 */
export interface WorkloadDriver {
  /** Instances that one host runs; Infinity where it runs all of them. */
  readonly instancesPerHost: number
  /**
   * Brings it about that so many hosts of the function run, whatever runs now. Calls for one function do not overlap.
   * Resolves when they are started; that they are ready their sidecars tell. Rejects when `signal` aborts.
   */
  ensure(fn: ScaledFunction, hosts: number, signal: AbortSignal): Promise<void>
  /** The sidecar of a host has come: what stands beside it finds it from now on. Perhaps told more than once. */
  hostReady?(fn: ScaledFunction, workload: string, signal: AbortSignal): Promise<void>
  /** Hosts that run now. */
  current(fn: ScaledFunction, signal: AbortSignal): Promise<number>
  /** `onLost`: a host has ended that was not told to, of `<name>.<namespace>`, and why. */
  watch(onLost: (name: string, why: string) => void): void
  close(): Promise<void>
}
