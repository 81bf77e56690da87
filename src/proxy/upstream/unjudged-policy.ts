import type { Cluster } from '../../model/cluster.ts'

/** For a single endpoint that is taken as it is: nothing ejects it, no breaker opens, failures are passed on. */
export function unjudgedPolicy(name: string, connectTimeoutMs: number): Cluster {
  return {
    name,
    loadBalancing: 'round-robin',
    connectTimeoutMs,
    circuitBreaker: {
      enabled: false,
      failureRatio: 1,
      minRequests: 1,
      windowMs: 10_000,
      openMs: 1000,
    },
    outlierDetection: {
      enabled: false,
      consecutiveFailures: 1,
      baseEjectionMs: 1000,
      maxEjectionMs: 1000,
      maxEjectedRatio: 0,
      panicRatio: 1,
    },
    retryBudget: { ratio: 0.2, minPerSecond: 10 },
    concurrency: { maxRequests: 16_384, maxPending: 10_000, maxConnectionsPerEndpoint: 1024 },
  }
}
