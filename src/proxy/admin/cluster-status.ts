import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { ConnectionPool } from '../upstream/connection-pool.ts'

/** What `/clusters` tells of one cluster. */
export function clusterStatus(cluster: ActiveCluster): object {
  const { stats } = cluster
  return {
    name: cluster.name,
    loadBalancing: cluster.policy.loadBalancing,
    circuitBreaker: cluster.breaker.state,
    breaker: cluster.breaker.status,
    requests: stats.duration.count,
    retries: stats.retries,
    ejections: cluster.ejections,
    p50Ms: stats.duration.quantile(0.5),
    p99Ms: stats.duration.quantile(0.99),
    endpoints: cluster.endpoints.map(endpointStatus),
  }
}

function endpointStatus(state: ActiveEndpoint): object {
  const { endpoint, pools } = state
  return {
    id: endpoint.id,
    workload: endpoint.workload,
    identity: endpoint.mesh?.identity,
    weight: endpoint.weight,
    zone: endpoint.zone,
    healthy: state.healthy,
    ejected: state.ejected,
    onProbation: state.onProbation,
    active: state.active,
    requests: state.requests,
    failures: state.failures,
    latencyMs: Math.round(state.ewmaMs * 100) / 100,
    connections: sum(pools, ({ size }) => size),
    pending: sum(pools, ({ pending }) => pending),
  }
}

function sum(pools: readonly ConnectionPool[], of: (pool: ConnectionPool) => number): number {
  return pools.reduce((total, pool) => total + of(pool), 0)
}
