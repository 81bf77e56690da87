import type { LogLevel } from '../../base/log.ts'
import type { ActivationEvent } from '../../discovery/subscription-client.ts'
import type { IdentityMaterial } from '../../identity/identity.ts'
import type { ProxyBootstrap } from '../../model/bootstrap.ts'
import type { BreakerSetting } from '../../resilience/circuit-breaker.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { DataPlanePorts } from '../data-plane.ts'

/** What a thread is started with. Its key stays within the process: a KeyObject is handed over, not its bytes. */
export interface PlaneStart {
  readonly bootstrap: ProxyBootstrap
  readonly identity: IdentityMaterial
  readonly snapshot: Snapshot | undefined
  /** Whether somebody can have functions started. */
  readonly link: ActivationEvent
}

/** What a thread can be asked; the answer carries the question's number. */
export type PlaneQuestion =
  | 'metrics'
  | 'clusters'
  | 'breakers'
  | 'outboundConnections'
  | 'drainInbound'
  | 'drainOutbound'

export type ToPlane =
  | { readonly kind: 'apply'; readonly id: number; readonly snapshot: Snapshot }
  | { readonly kind: 'ask'; readonly id: number; readonly question: PlaneQuestion }
  | {
      readonly kind: 'breaker'
      readonly id: number
      readonly cluster: string
      readonly setting: BreakerSetting
    }
  | { readonly kind: 'identity'; readonly identity: IdentityMaterial }
  | { readonly kind: 'activation'; readonly event: ActivationEvent }

export type FromPlane =
  | { readonly kind: 'listening'; readonly ports: DataPlanePorts }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly port: number }
  | { readonly kind: 'activate'; readonly name: string; readonly waiting: number }
  | { readonly kind: 'access'; readonly lines: readonly string[] }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly fields: object
      readonly message: string
    }
