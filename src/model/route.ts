import type { RouteFilter } from './route-filter.ts'
import type { SessionPersistence } from './policy/session-persistence.ts'
import type { CircuitBreakerPolicy } from './cluster.ts'
import type { FaultPolicy } from './policy/fault.ts'
import type { HedgingPolicy } from './policy/hedging.ts'

/** Ordered by Gateway API's precedence already; the first whose match fits wins. */
export interface Route {
  /** `<namespace>/<HTTPRoute or GRPCRoute>/<rule index>`, or `default` for a Service without routes. */
  readonly name: string
  /** Any of these; an empty list matches every request. */
  readonly matches: readonly RouteMatch[]
  /** Empty, or all weights 0: answered with 500 as Gateway API says. */
  readonly backends: readonly WeightedCluster[]
  /** Weight beside theirs of backends that do not exist: that share is answered with 500. Absent: 0. */
  readonly invalidWeight?: number
  /** From the request's head to the last byte of the answer; absent: no limit. */
  readonly timeoutMs?: number
  readonly retry: RetryPolicy
  /** Absent: none. */
  readonly filters?: readonly RouteFilter[]
  /** Absent: each request goes where the weights and the balancer say. */
  readonly session?: SessionPersistence
  /** Absent: no request is sent twice at a time. */
  readonly hedging?: HedgingPolicy
  /** Absent: none is injected. */
  readonly faults?: readonly FaultPolicy[]
  /** Of its own, asked before the cluster's. Absent: none. */
  readonly circuitBreaker?: CircuitBreakerPolicy
}

/** All given conditions must hold. */
export interface RouteMatch {
  readonly method?: string
  readonly path?: StringMatch & { readonly kind: 'exact' | 'prefix' | 'regex' }
  readonly headers?: readonly HeaderMatch[]
  readonly query?: readonly HeaderMatch[]
}

export interface StringMatch {
  readonly kind: 'exact' | 'prefix' | 'regex'
  readonly value: string
}

export interface HeaderMatch {
  /** Lower-case for headers; `host` stands for the authority. */
  readonly name: string
  readonly kind: 'exact' | 'regex'
  readonly value: string
}

export interface WeightedCluster {
  readonly cluster: string
  readonly weight: number
  /** Of requests that go there; after those of the route. Absent: none. */
  readonly filters?: readonly RouteFilter[]
}

export interface RetryPolicy {
  /** Tries after the first. Default 2. */
  readonly attempts: number
  /** Limit of each try until its response head; absent: none. */
  readonly perTryTimeoutMs?: number
  /** The limit of each try holds until the last byte of its answer (timeouts.backendRequest of an HTTPRoute). */
  readonly limitsWholeTry?: true
  /** Statuses repeated for idempotent methods. Default 502, 503, 504. */
  readonly statuses: readonly number[]
  /** Of gRPC, 1–16, repeated although a gRPC call is a POST: whoever lists them says that it may be. Absent: none. */
  readonly grpcStatuses?: readonly number[]
  /** A request with an `Idempotency-Key` counts as idempotent whatever its method. Absent: false. */
  readonly idempotencyKey?: boolean
  /** First back-off, doubled by each retry, jittered. Default 25. */
  readonly backoffMs: number
  /** No retry comes sooner after a failure (retry.backoff of an HTTPRoute). Absent: 0. */
  readonly leastBackoffMs?: number
}
