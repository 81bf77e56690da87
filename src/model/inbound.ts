import type { AdaptiveConcurrencyPolicy } from './adaptive-concurrency.ts'
import type { HostedFunction } from './function.ts'
import type { OverloadPolicy } from './overload.ts'

/** How a sidecar lets calls in for its own application. */
export interface Inbound {
  /** `strict` takes only mTLS; `permissive` takes plain text too and counts it. */
  readonly mtls: 'strict' | 'permissive'
  /** What the sidecar hosts, where it hosts a function. */
  readonly function?: HostedFunction
  /** HTTP/2 connections that are older get a GOAWAY, spread by a tenth. Absent: never. */
  readonly maxConnectionAgeMs?: number
  /** Of each port of the application, by its number. Absent: none is limited so. */
  readonly adaptiveConcurrency?: Readonly<Record<string, AdaptiveConcurrencyPolicy>>
  /** Of the sidecar itself, in both directions. Absent: those of model/overload.ts. */
  readonly overload?: OverloadPolicy
}
