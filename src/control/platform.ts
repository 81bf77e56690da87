import type { MetricProducer } from '../telemetry/metric-family.ts'
import type { AuthorityStore } from './authority-store.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import type { ConfigurationFeed } from './configuration-feed.ts'
import type { ConfigurationSource } from './configuration-source.ts'
import type { Attestor } from './sidecars/attestor.ts'
import type { WorkloadName } from './sidecars/workload-key.ts'

/** What a place that the mesh runs in gives to the control plane: a cluster, a container engine. */
export interface Platform {
  readonly source: ConfigurationSource
  readonly attestors: readonly Attestor[]
  /** Where the CA's key lies. Absent: in the state directory. */
  readonly authorityStore?: AuthorityStore
  readonly metrics: MetricProducer
  /** For `/status`. */
  status(): object
  /** Begins what needs the rest of the control plane; all of it ends with {@link close}. */
  start(mesh: PlatformMesh): Promise<void>
  close(): Promise<void>
}

/** The control plane, as a platform sees it. */
export interface PlatformMesh {
  readonly authority: CertificateAuthority
  readonly feed: Pick<ConfigurationFeed, 'configuration' | 'status'>
  /** The platform knows that a workload is gone, before its lease says so. */
  removeRegistration(workload: WorkloadName): void
}
