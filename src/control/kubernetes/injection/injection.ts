import type { InjectionSettings } from './injection-settings.ts'
import type { Pod } from './pod/pod.ts'
import type { PodProblem } from './pod/pod-problem.ts'

export interface InjectionContext {
  /** Where the pod will run. */
  readonly namespace: string
  readonly settings: InjectionSettings
  /** Of this software: it stands in the status annotation, and in the default image. */
  readonly version: string
  /** `Job`, `Deployment`… that makes the pod, where known. */
  readonly workloadKind?: string
  /** A pod with our sidecar in it stays as it is, or gets what these settings say. Default `keep`. */
  readonly present?: 'keep' | 'replace'
}

/** Why a pod is left as it is; also the label of a counter. */
export type SkipReason =
  | 'disabled'
  | 'host-network'
  | 'system-namespace'
  | 'windows'
  | 'already-injected'

/** Notes are for people: what was done otherwise than they might expect. */
export type InjectionResult =
  | { readonly injected: Pod; readonly notes: readonly string[] }
  | { readonly skipped: SkipReason }
  | { readonly refused: readonly PodProblem[] }

/** A pod as it is while the sidecar is put in. */
export interface Injection {
  readonly pod: Pod
  readonly context: InjectionContext
}
