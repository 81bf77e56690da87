import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { createLoadBalancer } from '../../balancing/create-load-balancer.ts'
import type { LoadBalancer } from '../../balancing/load-balancer.ts'
import { observeFailure, observeLatency } from '../../balancing/peak-ewma.ts'
import type { RequestHead, WireProtocol } from '../../http/message.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import { CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import { ConcurrencyLimit } from '../../resilience/concurrency-limit.ts'
import { OutlierDetector } from '../../resilience/outlier-detector.ts'
import { RetryBudget } from '../../resilience/retry-budget.ts'
import { RequestStats } from '../../telemetry/request-stats.ts'
import { ActiveEndpoint, type LendPool } from './active-endpoint.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { HealthChecks } from './health-checks.ts'

/** Lends pools to endpoints: sidecars that serve several clusters are reached over one set of connections. */
export interface PoolLender {
  lend(endpoint: Endpoint, cluster: Cluster, protocol: WireProtocol): ConnectionPool
  giveBack(pool: ConnectionPool): void
}

export interface ClusterEnvironment {
  readonly pools: PoolLender
  readonly now: Now
  readonly random: Random
}

/**
 * A {@link Cluster} at work. It outlives snapshots: an update replaces policy and endpoints and keeps what was
 * learnt of the endpoints that stay.
 */
export class ActiveCluster {
  readonly name: string
  readonly stats: RequestStats
  ejections = 0
  policy: Cluster
  breaker: CircuitBreaker
  limit: ConcurrencyLimit
  budget: RetryBudget
  readonly #environment: ClusterEnvironment
  readonly #endpoints = new Map<string, ActiveEndpoint>()
  readonly #checks: HealthChecks
  #balancer: LoadBalancer
  #outliers: OutlierDetector

  /** @param stats where several clusters are counted as one. */
  constructor(
    policy: Cluster,
    endpoints: readonly Endpoint[],
    environment: ClusterEnvironment,
    stats = new RequestStats(),
  ) {
    this.name = policy.name
    this.stats = stats
    this.policy = policy
    this.#environment = environment
    this.#checks = new HealthChecks(environment.random)
    this.breaker = new CircuitBreaker(policy.name, policy.circuitBreaker)
    this.limit = new ConcurrencyLimit(policy.concurrency.maxRequests)
    this.budget = new RetryBudget(policy.retryBudget)
    this.#replaceEndpoints(endpoints)
    this.#balancer = this.#createBalancer()
    this.#outliers = new OutlierDetector(policy.outlierDetection, this.endpoints)
  }

  get endpoints(): ActiveEndpoint[] {
    return [...this.#endpoints.values()]
  }

  update(policy: Cluster, endpoints: readonly Endpoint[]): void {
    const previous = this.policy
    this.policy = policy
    if (differ(previous.circuitBreaker, policy.circuitBreaker)) {
      this.breaker.shutdown()
      this.breaker = new CircuitBreaker(policy.name, policy.circuitBreaker)
    }
    if (previous.concurrency.maxRequests !== policy.concurrency.maxRequests)
      this.limit = new ConcurrencyLimit(policy.concurrency.maxRequests)
    if (differ(previous.retryBudget, policy.retryBudget))
      this.budget = new RetryBudget(policy.retryBudget)
    this.#replaceEndpoints(endpoints)
    this.#balancer = this.#createBalancer()
    this.#outliers = new OutlierDetector(policy.outlierDetection, this.endpoints)
  }

  /**
   * What to speak to the application. A caller's HTTP/2 goes on as HTTP/2 unless the port is declared otherwise;
   * an upgrade needs HTTP/1.1 in any case.
   */
  protocolFor({ version, upgrade, method }: RequestHead): WireProtocol {
    if (upgrade !== undefined) return 'http/1.1'
    if (method === 'CONNECT') return 'tcp'
    const { appProtocol } = this.policy
    if (appProtocol === 'http2') return 'h2'
    return appProtocol !== 'http' && version === '2' ? 'h2' : 'http/1.1'
  }

  /** Connects where raw bytes will probably go next, so that they need not wait for that. */
  warm(now: number): void {
    this.pick(now, undefined)?.pool('tcp', now).warm()
  }

  /** Undefined when no endpoint may serve. */
  pick(now: number, tried: readonly ActiveEndpoint[] | undefined): ActiveEndpoint | undefined {
    this.#outliers.release(now)
    const picked = this.#balancer.pick({ now, random: this.#environment.random, tried })
    // The balancer was given ActiveEndpoints only.
    return picked as ActiveEndpoint | undefined
  }

  /** Whether an answer of this status speaks against who gave it. */
  isFailure(status: number): boolean {
    return status >= 500 && this.policy.judges !== 'transport'
  }

  /** An answer came; a 5xx counts against the endpoint. Undefined: {@link observeOutcome} will tell. */
  observeHead(
    endpoint: ActiveEndpoint,
    status: number | undefined,
    latencyMs: number,
    now: number,
  ): void {
    if (status !== undefined && this.isFailure(status))
      return this.observeFailure(endpoint, latencyMs, now)
    observeLatency(endpoint, latencyMs, now)
    if (status !== undefined) this.#outliers.observe(endpoint, false, now)
  }

  /** What has become of an answer whose head did not say. */
  observeOutcome(endpoint: ActiveEndpoint, status: number, now: number): void {
    if (this.isFailure(status)) this.#countFailure(endpoint, now)
    else this.#outliers.observe(endpoint, false, now)
  }

  /** No answer came, or a 5xx. */
  observeFailure(endpoint: ActiveEndpoint, latencyMs: number, now: number): void {
    observeFailure(endpoint, latencyMs, now)
    this.#countFailure(endpoint, now)
  }

  close(): void {
    this.breaker.shutdown()
    this.#replaceEndpoints([])
  }

  #countFailure(endpoint: ActiveEndpoint, now: number): void {
    endpoint.failures++
    if (this.#outliers.observe(endpoint, true, now) === 'ejected') this.ejections++
  }

  #createBalancer(): LoadBalancer {
    const { loadBalancing, outlierDetection } = this.policy
    return createLoadBalancer(loadBalancing, this.endpoints, outlierDetection.panicRatio)
  }

  #replaceEndpoints(endpoints: readonly Endpoint[]): void {
    const { pools } = this.#environment
    const giveBack = (endpoint: ActiveEndpoint): void => {
      for (const pool of endpoint.pools) pools.giveBack(pool)
    }
    const ids = new Set(endpoints.map(endpoint => endpoint.id))
    for (const [id, old] of this.#endpoints) {
      if (ids.has(id)) continue
      this.#endpoints.delete(id)
      giveBack(old)
    }
    for (const endpoint of endpoints) {
      const kept = this.#endpoints.get(endpoint.id)
      if (kept !== undefined && isSameAddress(kept.endpoint, endpoint)) {
        kept.endpoint = endpoint
        continue
      }
      if (kept !== undefined) giveBack(kept)
      const lend: LendPool = protocol => pools.lend(endpoint, this.policy, protocol)
      this.#endpoints.set(endpoint.id, new ActiveEndpoint(endpoint, lend))
    }
    this.#checks.update(this.policy.healthCheck, this.endpoints)
  }
}

/** Another identity, or plain text instead of mTLS, must never ride on the old connections. */
function isSameAddress(a: Endpoint, b: Endpoint): boolean {
  return (
    a.address === b.address &&
    a.port === b.port &&
    a.mesh?.port === b.mesh?.port &&
    a.mesh?.identity === b.mesh?.identity &&
    a.mesh?.qualifier === b.mesh?.qualifier
  )
}

function differ(a: object, b: object): boolean {
  return JSON.stringify(a) !== JSON.stringify(b)
}
