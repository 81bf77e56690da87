import type { Cluster } from '../../src/model/cluster.ts'
import type { Endpoint } from '../../src/model/endpoint.ts'

/** A cluster with the documented defaults, round-robin apart, and what the test changes. */
export function clusterPolicy(changes: Partial<Cluster> = {}): Cluster {
  return {
    name: 'orders.default:80',
    loadBalancing: 'round-robin',
    connectTimeoutMs: 1000,
    circuitBreaker: {
      enabled: true,
      failureRatio: 0.5,
      minRequests: 20,
      windowMs: 10_000,
      openMs: 5000,
    },
    outlierDetection: {
      enabled: true,
      consecutiveFailures: 5,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectedRatio: 0.5,
      panicRatio: 0.3,
    },
    retryBudget: { ratio: 0.2, minPerSecond: 10 },
    concurrency: { maxRequests: 16_384, maxPending: 1024, maxConnectionsPerEndpoint: 128 },
    ...changes,
  }
}

export function endpointAt(port: number, changes: Partial<Endpoint> = {}): Endpoint {
  const id = `127.0.0.1:${port}`
  return { id, address: '127.0.0.1', port, weight: 1, workload: `workload-${port}`, ...changes }
}
