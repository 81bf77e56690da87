import type { Cluster } from './cluster.ts'
import type { Endpoint } from './endpoint.ts'
import type { Inbound } from './inbound.ts'
import type { Outbound } from './outbound.ts'
import type { Service } from './service.ts'

/**
 * Everything one sidecar needs to work, immutable and consistent: each cluster that a route names is in it,
 * each cluster has its (perhaps empty) list of endpoints. Plain JSON, as it travels and as it lies on disk.
 */
export interface Snapshot {
  /** Hash of the content: equal versions mean equal snapshots, also across control plane restarts. */
  readonly version: string
  /** By {@link Service.name}. */
  readonly services: Readonly<Record<string, Service>>
  /** By {@link Cluster.name}. */
  readonly clusters: Readonly<Record<string, Cluster>>
  /** By cluster name: apart from the cluster, so that a changed endpoint is a small delta. */
  readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>
  readonly inbound: Inbound
  readonly outbound: Outbound
}
