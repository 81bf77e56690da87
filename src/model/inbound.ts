import type { AdaptiveConcurrencyPolicy } from './policy/adaptive-concurrency.ts'
import type { AuthorizationPolicy } from './policy/authorization.ts'
import type { HostedFunction } from './function/function.ts'
import type { OverloadPolicy } from './policy/overload.ts'
import type { PathNormalization } from './policy/path-normalization.ts'
import type { RateLimit } from './policy/rate-limit.ts'
import type { RequestAuthentication } from './policy/request-authentication.ts'

/** How a sidecar lets calls in for its own application. */
export interface Inbound extends InboundPolicies {
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

/** What is asked of each request. */
export interface InboundPolicies {
  /** Absent: everybody may do everything. */
  readonly authorization?: readonly AuthorizationPolicy[]
  /** Absent: tokens are the application's business. */
  readonly authentication?: RequestAuthentication
  /** All must have room. Absent: there is none. */
  readonly rateLimits?: readonly RateLimit[]
  /**
   * Ports that are declared to carry bytes. On others that have {@link authentication} or {@link rateLimits} no raw
   * connection is taken, whose requests nobody would see. Absent: none.
   */
  readonly tcpPorts?: readonly number[]
  /** Before policies and the application see the path. Absent: it is left as it came; no policy looks at it. */
  readonly pathNormalization?: Exclude<PathNormalization, 'none'>
}

/** Whether what they say of a request depends on its path. */
export function seesPaths({
  authorization = [],
  rateLimits = [],
}: Pick<InboundPolicies, 'authorization' | 'rateLimits'>): boolean {
  return (
    rateLimits.some(({ match }) => match?.paths !== undefined) ||
    authorization.some(({ rules }) =>
      rules.some(({ to = [] }) =>
        to.some(({ paths, notPaths }) => paths !== undefined || notPaths !== undefined),
      ),
    )
  )
}
