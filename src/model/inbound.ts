import type { HostedFunction } from './function.ts'

/** How a sidecar lets calls in for its own application. */
export interface Inbound {
  /** `strict` takes only mTLS; `permissive` takes plain text too and counts it. */
  readonly mtls: 'strict' | 'permissive'
  /** What the sidecar hosts, where it hosts a function. */
  readonly function?: HostedFunction
  /** HTTP/2 connections that are older get a GOAWAY, spread by a tenth. Absent: never. */
  readonly maxConnectionAgeMs?: number
}
