import type { AuthorizationOperation } from './authorization.ts'

/** How many requests a sidecar lets through to its application. Each sidecar counts for itself. */
export interface RateLimit {
  /** `<namespace>/<TrafficPolicy>/<index>`, for logs and metrics. */
  readonly name: string
  /** Ports of the application that it is for. Absent: all. */
  readonly ports?: readonly number[]
  readonly quota: RateQuota
  readonly key: RateLimitKey
  /** Which requests it is for. Absent: all. */
  readonly match?: RateLimitMatch
  /** Quotas of single callers; only where the caller is the key. */
  readonly overrides: readonly RateLimitOverride[]
}

export interface RateQuota {
  /** In {@link perMs}. */
  readonly requests: number
  readonly perMs: number
  /** At once, after a pause. */
  readonly burst: number
}

/** `none`: all requests share it. `caller`: each SPIFFE ID has its own, and all without one share another. */
export type RateLimitKey =
  | { readonly kind: 'none' }
  | { readonly kind: 'caller' }
  /** Lower-case name; requests without it share one. */
  | { readonly kind: 'header'; readonly name: string }

export interface RateLimitMatch extends Pick<AuthorizationOperation, 'methods' | 'paths'> {
  readonly headers?: readonly { readonly name: string; readonly values: readonly string[] }[]
}

interface RateLimitOverride {
  /** SPIFFE ID, with wildcards; the first that fits counts. */
  readonly caller: string
  readonly quota: RateQuota
}
