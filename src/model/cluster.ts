import type { AdaptiveConcurrencyPolicy } from './policy/adaptive-concurrency.ts'
import type { AppProtocol } from './app-protocol.ts'
import type { ClusterTls } from './cluster-tls.ts'
import type {
  HashSource,
  LoadBalancing,
  LocalityPolicy,
  SlowStartPolicy,
  SubsetPolicy,
} from './policy/load-balancing.ts'

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
  /**
   * `dns`: its endpoints' addresses are names, each of which stands for all that it leads to. `host`: they stand for the
   * host that is called, for a wildcard. Absent: addresses.
   */
  readonly discovery?: 'dns' | 'host'
  /** Present: its endpoints are beyond the mesh and reached by TLS. */
  readonly tls?: ClusterTls
  readonly loadBalancing: LoadBalancing
  /** Of `peak-ewma` and `least-request`. Absent: 2. */
  readonly choices?: number
  /** Of `ring-hash` and `maglev`. */
  readonly hashOn?: readonly HashSource[]
  /** Of `ring-hash` the least number of points, absent: 1024; of `maglev` the slots, a prime, absent: 65537. */
  readonly tableSize?: number
  /** Absent: an endpoint has its whole share from the start. */
  readonly slowStart?: SlowStartPolicy
  /** Absent: zones do not count. */
  readonly locality?: LocalityPolicy
  /** Absent: all endpoints serve all requests. */
  readonly subset?: SubsetPolicy
  /** Default 1000. */
  readonly connectTimeoutMs: number
  readonly circuitBreaker: CircuitBreakerPolicy
  readonly outlierDetection: OutlierDetectionPolicy
  readonly retryBudget: RetryBudgetPolicy
  readonly concurrency: ConcurrencyPolicy
  /** Lowers `concurrency.maxRequests` to what the endpoints together bear. Absent: it stays as it is. */
  readonly adaptiveConcurrency?: AdaptiveConcurrencyPolicy
  /** Active checks of endpoints outside the mesh; those inside report for themselves. */
  readonly healthCheck?: HealthCheckPolicy
}

/** Probes that a breaker may let through at once. */
export const maxHalfOpenRequests = 100

/** Opossum's words: the breaker opens when, in a window, enough requests were seen and too many failed. */
export interface CircuitBreakerPolicy {
  readonly enabled: boolean
  /** Share of failures that opens, 0–1. Default 0.5. */
  readonly failureRatio: number
  /** Requests in the window before the ratio counts. Default 20. */
  readonly minRequests: number
  /** Length of the rolling window. Default 10000. */
  readonly windowMs: number
  /** Time open before a probe may pass. Default 5000. */
  readonly openMs: number
  /** Probes that may be in flight at once while it is half-open, and that must all succeed to close it. Absent: 1. */
  readonly halfOpenRequests?: number
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
  /** Answers of 502, 503, 504 and requests without an answer in a row that eject. Absent: do not count apart. */
  readonly consecutiveGatewayFailures?: number
  /** Requests without an answer in a row that eject: resets, timeouts, failed connects. Absent: do not count apart. */
  readonly consecutiveLocalFailures?: number
  /** How often the next two are looked at. Absent: 10000. */
  readonly intervalMs?: number
  /** Ejects who answers worse than the others do. Absent: off. */
  readonly successRate?: SuccessRatePolicy
  /** Ejects who fails more than a fixed share. Absent: off. */
  readonly failurePercentage?: FailurePercentagePolicy
}

/** Envoy, "Success Rate": out is who lies more than `stdevFactor` standard deviations below the mean. */
export interface SuccessRatePolicy {
  /** Default 1.9. */
  readonly stdevFactor: number
  /** Endpoints with {@link minRequests} without which nothing is concluded. Default 5. */
  readonly minHosts: number
  /** Requests in an interval without which an endpoint does not count. Default 100. */
  readonly minRequests: number
}

/** Envoy, "Failure Percentage". */
export interface FailurePercentagePolicy {
  /** Share of failures from which on an endpoint is out, 0–1. Default 0.85. */
  readonly threshold: number
  /** As of {@link SuccessRatePolicy}. Default 5. */
  readonly minHosts: number
  /** As of {@link SuccessRatePolicy}. Default 50. */
  readonly minRequests: number
}

export interface RetryBudgetPolicy {
  /** Retries as a share of requests, 0–1. Default 0.2. */
  readonly ratio: number
  /** Retries a second allowed beside the share. Default 10. */
  readonly minPerSecond: number
  /** Time over which both are counted. Absent: 10000. */
  readonly windowMs?: number
}

/** Envoy calls this circuit breaking. */
export interface ConcurrencyPolicy {
  /**
   * Requests in flight to the cluster, with WebSockets and TCP connections. Default 16,384, as many connections as a
   * listener takes: Envoy's 1024 ends long streams of which an application bears many.
   */
  readonly maxRequests: number
  /**
   * Requests beyond {@link maxRequests} that wait for one of them to end. Absent: 0, they are refused. A queue makes a
   * burst slow where it would have been refused, which helps only where the limit is close to what the service bears.
   */
  readonly maxQueued?: number
  /** Longest wait there. Absent: 100. */
  readonly queueTimeoutMs?: number
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
