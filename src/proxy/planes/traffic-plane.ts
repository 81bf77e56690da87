import type { ActivationEvent } from '../../discovery/subscription-client.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { BreakerSetting, BreakerStatus } from '../../resilience/circuit-breaker.ts'
import type { MetricFamily } from '../../telemetry/metric-family.ts'
import type { DataPlanePorts } from '../data-plane.ts'

/** What carries the traffic of a sidecar: one data plane, or several on threads that share the ports. */
export interface TrafficPlane {
  readonly ports: DataPlanePorts
  readonly snapshot: Snapshot | undefined
  /** Resolves when all of it works by the snapshot, which was checked. */
  apply(snapshot: Snapshot): Promise<void>
  /** What becomes of functions that it wants started. */
  activation(event: ActivationEvent): void
  /** Takes nothing new from the mesh, and resolves when what came is finished. */
  drainInbound(): Promise<void>
  /** The same for calls of the application, which it may need to finish what came; so this goes last. */
  drainOutbound(): Promise<void>
  /** Connections that the application has open. */
  outboundConnections(): Promise<number>
  metrics(): Promise<readonly MetricFamily[]>
  /** For the admin's `/clusters`: one of each data plane. */
  clusters(): Promise<readonly PlaneClusters[]>
  /** Of the application's calls, by cluster: one of each data plane. */
  breakers(): Promise<readonly Breakers[]>
  /** In all data planes, until it is set to something else. @returns false where there is no such cluster. */
  setBreaker(cluster: string, setting: BreakerSetting): Promise<boolean>
  close(): void
}

/** By the name of the cluster. */
export type Breakers = Readonly<Record<string, BreakerStatus>>

export interface PlaneClusters {
  readonly outbound: readonly object[]
  readonly inbound: readonly object[]
}
