import type { AdaptiveConcurrencyPolicy } from '../../model/policy/adaptive-concurrency.ts'
import type { AppProtocol } from '../../model/app-protocol.ts'
import type {
  CircuitBreakerPolicy,
  Cluster,
  ConcurrencyPolicy,
  FailurePercentagePolicy,
  HealthCheckPolicy,
  OutlierDetectionPolicy,
  RetryBudgetPolicy,
  SuccessRatePolicy,
} from '../../model/cluster.ts'
import { grpcFailures } from '../../model/grpc-status.ts'
import { compileBalancing } from './balancing-compiler.ts'
import type { TrafficPolicyResource } from '../../model/kinds/traffic-policy.ts'
import type { RetryPolicy } from '../../model/route.ts'

type Policy = TrafficPolicyResource['spec']
type OutlierFields = NonNullable<Policy['outlierDetection']>

const defaults = {
  connectTimeoutMs: 1000,
  circuitBreaker: {
    enabled: true,
    failureRatio: 0.5,
    minRequests: 20,
    windowMs: 10_000,
    openMs: 5000,
  } satisfies CircuitBreakerPolicy,
  outlierDetection: {
    enabled: true,
    consecutiveFailures: 5,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectedRatio: 0.5,
    panicRatio: 0.3,
  } satisfies OutlierDetectionPolicy,
  successRate: { stdevFactor: 1.9, minHosts: 5, minRequests: 100 } satisfies SuccessRatePolicy,
  failurePercentage: {
    threshold: 0.85,
    minHosts: 5,
    minRequests: 50,
  } satisfies FailurePercentagePolicy,
  retryBudget: { ratio: 0.2, minPerSecond: 10 } satisfies RetryBudgetPolicy,
  concurrency: {
    maxRequests: 16_384,
    maxPending: 1024,
    maxConnectionsPerEndpoint: 128,
  } satisfies ConcurrencyPolicy,
  adaptiveConcurrency: {
    minLimit: 3,
    maxLimit: 1000,
    tolerance: 0.25,
    windowMs: 100,
    probeIntervalMs: 60_000,
  } satisfies AdaptiveConcurrencyPolicy,
  retry: { attempts: 2, statuses: [502, 503, 504], backoffMs: 25 } satisfies RetryPolicy,
} as const

const noPolicy: Partial<Policy> = {}

/** A cluster with what the policy says and the documented defaults for the rest. */
export function compileCluster(
  name: string,
  policy: Policy | undefined,
  appProtocol?: AppProtocol,
): Cluster {
  const { connectTimeout, loadBalancing, healthCheck, ...rest } = policy ?? noPolicy
  return {
    name,
    ...(appProtocol !== undefined && { appProtocol }),
    ...compileBalancing(loadBalancing),
    connectTimeoutMs: connectTimeout ?? defaults.connectTimeoutMs,
    circuitBreaker: compileBreaker(rest.circuitBreaker ?? {}),
    outlierDetection: compileOutliers(rest.outlierDetection ?? {}),
    retryBudget: compileRetryBudget(rest.retryBudget ?? {}),
    concurrency: compileConcurrency(rest.concurrency ?? {}),
    ...compileOutboundLimit(policy),
    ...(healthCheck && { healthCheck: compileHealthCheck(healthCheck) }),
  }
}

export function compileRetry(policy: Pick<Policy, 'retry'> | undefined): RetryPolicy {
  const { attempts, statuses, grpcStatuses = [], backoff, perTryTimeout = 0 } = policy?.retry ?? {}
  return {
    ...(policy?.retry?.idempotencyKey === true && { idempotencyKey: true }),
    ...merge(defaults.retry, { attempts, statuses, backoffMs: backoff }),
    ...(grpcStatuses.length > 0 && { grpcStatuses: grpcStatuses.map(name => grpcFailures[name]) }),
    ...(perTryTimeout > 0 && { perTryTimeoutMs: perTryTimeout }),
  }
}

function compileRetryBudget({
  window,
  ...same
}: NonNullable<Policy['retryBudget']>): RetryBudgetPolicy {
  return {
    ...merge(defaults.retryBudget, same),
    ...(window !== undefined && { windowMs: window }),
  }
}

function compileConcurrency({
  queueTimeout,
  maxQueued,
  ...same
}: NonNullable<Policy['concurrency']>): ConcurrencyPolicy {
  return {
    ...merge(defaults.concurrency, same),
    ...(maxQueued !== undefined && { maxQueued }),
    ...(queueTimeout !== undefined && { queueTimeoutMs: queueTimeout }),
  }
}

/** That of inbound is not the callers'. */
function compileOutboundLimit(policy: Policy | undefined): Pick<Cluster, 'adaptiveConcurrency'> {
  const given = policy?.adaptiveConcurrency
  return given?.at === 'outbound' ? { adaptiveConcurrency: compileAdaptiveConcurrency(given) } : {}
}

export function compileAdaptiveConcurrency({
  minLimit,
  maxLimit,
  tolerance,
  window,
  probeInterval,
}: NonNullable<Policy['adaptiveConcurrency']>): AdaptiveConcurrencyPolicy {
  return merge(defaults.adaptiveConcurrency, {
    minLimit,
    maxLimit,
    tolerance,
    windowMs: window,
    probeIntervalMs: probeInterval,
  })
}

export function compileBreaker(given: NonNullable<Policy['circuitBreaker']>): CircuitBreakerPolicy {
  const { window, openFor, halfOpenRequests, ...same } = given
  return {
    ...merge(defaults.circuitBreaker, { ...same, windowMs: window, openMs: openFor }),
    ...(halfOpenRequests !== undefined && { halfOpenRequests }),
  }
}

function compileOutliers(given: OutlierFields): OutlierDetectionPolicy {
  const { baseEjection, maxEjection, interval, successRate, failurePercentage, ...same } = given
  const { consecutiveGatewayFailures, consecutiveLocalFailures, ...ejection } = same
  return {
    ...merge(defaults.outlierDetection, {
      ...ejection,
      baseEjectionMs: baseEjection,
      maxEjectionMs: maxEjection,
    }),
    ...(consecutiveGatewayFailures !== undefined && { consecutiveGatewayFailures }),
    ...(consecutiveLocalFailures !== undefined && { consecutiveLocalFailures }),
    ...(interval !== undefined && { intervalMs: interval }),
    ...(successRate !== undefined && { successRate: merge(defaults.successRate, successRate) }),
    ...(failurePercentage !== undefined && {
      failurePercentage: compileFailurePercentage(failurePercentage),
    }),
  }
}

function compileFailurePercentage({
  threshold,
  ...same
}: NonNullable<OutlierFields['failurePercentage']>): FailurePercentagePolicy {
  return merge(defaults.failurePercentage, {
    ...same,
    threshold: threshold === undefined ? undefined : threshold / 100,
  })
}

function compileHealthCheck(given: NonNullable<Policy['healthCheck']>): HealthCheckPolicy {
  const { interval, timeout, ...same } = given
  return { ...same, intervalMs: interval, timeoutMs: timeout }
}

/** The values that are given, and the defaults of the others. */
function merge<T extends object>(
  values: T,
  given: { readonly [K in keyof T]?: Widened<T[K]> | undefined },
): { -readonly [K in keyof T]: Widened<T[K]> } {
  const defined = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...values, ...Object.fromEntries(defined) } as never
}

/** The type of which a literal is one value. */
type Widened<V> = V extends boolean
  ? boolean
  : V extends number
    ? number
    : V extends readonly number[]
      ? readonly number[]
      : V
