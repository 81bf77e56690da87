import type { AppProtocol } from './app-protocol.ts'

export type LoadBalancing = 'peak-ewma' | 'least-request' | 'round-robin'

/** What a route points at: one port of one Service, its endpoints' common policy. All fields are resolved. */
export interface Cluster {
  /** `<service>.<namespace>:<port>`. */
  readonly name: string
  /** Absent: the application is taken to speak what its callers speak, and asked before that is relied on. */
  readonly appProtocol?: AppProtocol
  /** What counts as a failure of an endpoint: absent, also its answers of 5xx. */
  readonly judges?: 'transport'
  /** `<name>.<namespace>` of a function that the control plane starts when it has no endpoint. Absent: none is made. */
  readonly activates?: string
  readonly loadBalancing: LoadBalancing
  /** Default 1000. */
  readonly connectTimeoutMs: number
  readonly circuitBreaker: CircuitBreakerPolicy
  readonly outlierDetection: OutlierDetectionPolicy
  readonly retryBudget: RetryBudgetPolicy
  readonly concurrency: ConcurrencyPolicy
  /** Active checks of endpoints outside the mesh; those inside report for themselves. */
  readonly healthCheck?: HealthCheckPolicy
}

/** Opossum's words: the breaker opens when, in a window, enough requests were seen and too many failed. */
export interface CircuitBreakerPolicy {
  readonly enabled: boolean
  /** Share of failures that opens, 0–1. Default 0.5. */
  readonly failureRatio: number
  /** Requests in the window before the ratio counts. Default 20. */
  readonly minRequests: number
  /** Length of the rolling window. Default 10000. */
  readonly windowMs: number
  /** Time open before one probe may pass. Default 5000. */
  readonly openMs: number
}

export interface OutlierDetectionPolicy {
  readonly enabled: boolean
  /** Failures in a row (5xx, resets, timeouts, failed connects) that eject. Default 5. */
  readonly consecutiveFailures: number
  /** First ejection; the n-th lasts n times as long, at most {@link maxEjectionMs}. Default 30000. */
  readonly baseEjectionMs: number
  /** Default 300000. */
  readonly maxEjectionMs: number
  /** Share of endpoints that may be out at once, 0–1. Default 0.5; one may always be, if there are two. */
  readonly maxEjectedRatio: number
  /** With fewer healthy than this share, ejections are ignored and all endpoints serve. Default 0.3. */
  readonly panicRatio: number
}

export interface RetryBudgetPolicy {
  /** Retries as a share of requests, 0–1. Default 0.2. */
  readonly ratio: number
  /** Retries a second allowed beside the share. Default 10. */
  readonly minPerSecond: number
}

/** Envoy calls this circuit breaking. */
export interface ConcurrencyPolicy {
  /**
   * Requests in flight to the cluster, with WebSockets and TCP connections. Default 16,384, as many connections as a
   * listener takes: Envoy's 1024 ends long streams of which an application bears many.
   */
  readonly maxRequests: number
  /** Requests waiting for one of {@link maxConnectionsPerEndpoint}. Default 1024. */
  readonly maxPending: number
  /** HTTP/1.1 connections to one endpoint outside the mesh. Default 128. */
  readonly maxConnectionsPerEndpoint: number
}

export interface HealthCheckPolicy {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyThreshold: number
  readonly unhealthyThreshold: number
}
