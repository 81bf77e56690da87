import type { Cluster } from './cluster/cluster.ts'
import type { Kubelet } from './kubelet/kubelet.ts'
import type { Report } from '../report.ts'

/** What some cases need beyond the cluster; made before there is no network any more. */
export type Extra = 'gateway-api' | 'helm' | 'kubectl' | 'kwok'

export interface CaseContext {
  readonly cluster: Cluster
  readonly kubelet: Kubelet
  readonly report: Report
  /** Paths. */
  readonly extras: Readonly<Partial<Record<Extra, string>>>
  /** Of this case; gone after the run unless something failed. */
  readonly folder: string
}

/** One story, in a cluster that others have used before it: what it makes it removes. */
export interface Case {
  readonly name: string
  readonly needs?: readonly Extra[]
  /** What it throws is a failure of it. */
  run(context: CaseContext): Promise<void>
}
