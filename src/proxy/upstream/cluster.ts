import type { Now } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { Availability } from '../../balancing/availability.ts'
import { createLoadBalancer } from '../../balancing/create-load-balancer.ts'
import type { LoadBalancer } from '../../balancing/load-balancer.ts'
import { observeFailure, observeLatency } from '../../balancing/peak-ewma.ts'
import type { RequestHead, WireProtocol } from '../../http/message.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import { CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import { AdmissionQueue } from '../../resilience/admission-queue.ts'
import { ConcurrencyLimit } from '../../resilience/concurrency-limit.ts'
import { GradientLimit } from '../../resilience/gradient-limit.ts'
import {
  outcomeOfStatus,
  OutlierDetector,
  type EndpointOutcome,
} from '../../resilience/outlier-detector.ts'
import { RetryBudget } from '../../resilience/retry-budget.ts'
import { MirrorStats } from '../../telemetry/mirror-stats.ts'
import { RequestStats } from '../../telemetry/request-stats.ts'
import { ActiveEndpoint, type LendPool } from './active-endpoint.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { HealthChecks } from './health-checks.ts'
import { RequestSelector, type Caller, type Selection } from './request-selector.ts'

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
  /** Copies of requests for other clusters. */
  readonly mirrors = new MirrorStats()
  ejections = 0
  policy: Cluster
  breaker: CircuitBreaker
  readonly limit: ConcurrencyLimit
  /** Sets the limit by latency. Undefined: it is fixed. */
  gradient: GradientLimit | undefined
  /** Of those that wait for the limit. Undefined: nobody may. */
  queue: AdmissionQueue | undefined
  budget: RetryBudget
  readonly #environment: ClusterEnvironment
  readonly #availability = new Availability()
  readonly #endpoints = new Map<string, ActiveEndpoint>()
  #revision = 0
  /** As the last snapshot has them. */
  #listed: readonly Endpoint[] = []
  readonly #checks: HealthChecks
  #balancer: LoadBalancer
  #selector: RequestSelector | undefined
  #outliers: OutlierDetector
  /** What an answer's head takes, as a moving average of good ones. Undefined: none has come yet. */
  #typicalMs: number | undefined

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
    this.breaker = new CircuitBreaker(policy.name, policy.circuitBreaker, environment.now)
    this.limit = new ConcurrencyLimit(policy.concurrency.maxRequests)
    this.#limitConcurrency()
    this.budget = new RetryBudget(policy.retryBudget)
    this.#selector = RequestSelector.for(policy, environment.random)
    this.#replaceEndpoints(endpoints)
    this.#balancer = createLoadBalancer(policy, this.endpoints)
    this.#outliers = new OutlierDetector(policy.outlierDetection, this.endpoints)
  }

  get endpoints(): ActiveEndpoint[] {
    return [...this.#endpoints.values()]
  }

  /** Grows when endpoints come or go, also between snapshots. */
  get revision(): number {
    return this.#revision
  }

  /** Whether it is one of the endpoints of now, and may serve. */
  offers(endpoint: ActiveEndpoint): boolean {
    return endpoint.available && this.#endpoints.get(endpoint.endpoint.id) === endpoint
  }

  update(policy: Cluster, endpoints: readonly Endpoint[]): void {
    const previous = this.policy
    this.policy = policy
    if (differ(previous.circuitBreaker, policy.circuitBreaker)) {
      const { setting } = this.breaker
      this.breaker.shutdown()
      this.breaker = new CircuitBreaker(policy.name, policy.circuitBreaker, this.#environment.now)
      // What a person has set outlives a change of the policy.
      if (setting !== 'auto') this.breaker.set(setting)
    }
    if (differ(concurrencyOf(previous), concurrencyOf(policy))) this.#limitConcurrency()
    if (differ(previous.retryBudget, policy.retryBudget))
      this.budget = new RetryBudget(policy.retryBudget)
    this.#selector = RequestSelector.for(policy, this.#environment.random)
    // Connections of before were to another server, for all we know.
    if (differ(previous.tls ?? {}, policy.tls ?? {})) this.#replaceEndpoints([])
    const before = this.#listed
    this.#replaceEndpoints(endpoints)
    // Its tables cost: a snapshot that is about other clusters leaves them.
    if (differ(before, endpoints) || differ(balancingPart(previous), balancingPart(policy)))
      this.#balancer = createLoadBalancer(policy, this.endpoints)
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

  /** What of a request decides where it goes; for all its tries. Undefined: nothing does. */
  select(request: RequestHead, caller: Caller): Selection | undefined {
    return this.#selector?.select(request, caller)
  }

  /** Undefined when no endpoint may serve. */
  pick(
    now: number,
    tried: readonly ActiveEndpoint[] | undefined,
    selection?: Selection,
  ): ActiveEndpoint | undefined {
    this.#outliers.release(now)
    const picked = this.#balancer.pick({
      now,
      random: this.#environment.random,
      tried,
      hash: selection?.hash,
      subset: selection?.subset,
      evenIf: undefined,
    })
    // The balancer was given ActiveEndpoints only.
    return picked as ActiveEndpoint | undefined
  }

  /**
   * Whether a caller who gives up after so long has given an endpoint fair time: twice what an answer usually takes, and
   * until that is known the time that a connection may take.
   */
  isFairTime(elapsedMs: number): boolean {
    return (
      elapsedMs >=
      (this.#typicalMs === undefined ? this.policy.connectTimeoutMs : 2 * this.#typicalMs)
    )
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
    if (status !== undefined && this.isFailure(status)) {
      observeFailure(endpoint, latencyMs, now)
      return this.#count(endpoint, outcomeOfStatus(status), now)
    }
    observeLatency(endpoint, latencyMs, now)
    this.#typicalMs = movingAverage(this.#typicalMs, latencyMs)
    if (status !== undefined) this.#count(endpoint, 'success', now)
    // A call may be a stream of hours, and its endpoint serves nobody else on probation.
    else endpoint.onProbation = false
  }

  /** What has become of an answer whose head did not say. */
  observeOutcome(endpoint: ActiveEndpoint, status: number, now: number): void {
    this.#count(endpoint, this.isFailure(status) ? outcomeOfStatus(status) : 'success', now)
  }

  /** The endpoint has asked to be left alone for so long: less of the traffic goes there while that is remembered. */
  observePushback(endpoint: ActiveEndpoint, pushbackMs: number, now: number): void {
    observeLatency(endpoint, pushbackMs, now)
  }

  /** Another endpoint has answered first, after so long. No failure, but else one that hangs is never known as slow. */
  observeSlower(endpoint: ActiveEndpoint, elapsedMs: number, now: number): void {
    if (elapsedMs > endpoint.ewmaMs) observeLatency(endpoint, elapsedMs, now)
  }

  /** No answer came. */
  observeFailure(endpoint: ActiveEndpoint, latencyMs: number, now: number): void {
    observeFailure(endpoint, latencyMs, now)
    this.#count(endpoint, 'local-failure', now)
  }

  close(): void {
    this.breaker.shutdown()
    this.#replaceEndpoints([])
  }

  /** By the policy. Who is in, or waits, stays. */
  #limitConcurrency(): void {
    const { concurrency, adaptiveConcurrency } = this.policy
    const { maxRequests, maxQueued = 0, queueTimeoutMs = defaultQueueTimeoutMs } = concurrency
    this.limit.max = maxRequests
    this.limit.ceiling = maxRequests
    this.gradient =
      adaptiveConcurrency && new GradientLimit(adaptiveConcurrency, this.limit, maxRequests)
    if (maxQueued > 0) this.queue ??= new AdmissionQueue(maxQueued, queueTimeoutMs)
    if (this.queue === undefined) return
    this.queue.most = maxQueued
    this.queue.timeoutMs = queueTimeoutMs
  }

  #count(endpoint: ActiveEndpoint, outcome: EndpointOutcome, now: number): void {
    if (outcome !== 'success') endpoint.failures++
    this.ejections += this.#outliers.observe(endpoint, outcome, now)
  }

  #replaceEndpoints(endpoints: readonly Endpoint[]): void {
    this.#listed = endpoints
    const { pools } = this.#environment
    const giveBack = (endpoint: ActiveEndpoint): void => {
      for (const pool of endpoint.pools) pools.giveBack(pool)
    }
    const isServing = [...this.#endpoints.values()].some(({ available }) => available)
    const ids = new Set(endpoints.map(endpoint => endpoint.id))
    for (const [id, old] of this.#endpoints) {
      if (ids.has(id)) continue
      this.#endpoints.delete(id)
      this.#revision++
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
      const state = new ActiveEndpoint(endpoint, lend, this.#availability)
      // Where all are new none can spare the others.
      if (isServing && this.policy.slowStart !== undefined) state.joinedAt = this.#environment.now()
      this.#endpoints.set(endpoint.id, state)
      this.#revision++
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

function balancingPart({
  loadBalancing,
  choices,
  tableSize,
  slowStart,
  locality,
  subset,
  outlierDetection: { panicRatio },
}: Cluster): object {
  return { loadBalancing, choices, tableSize, slowStart, locality, subset, panicRatio }
}

/** About the last twenty count. */
function movingAverage(average: number | undefined, value: number): number {
  return average === undefined ? value : average + (value - average) / 20
}

const defaultQueueTimeoutMs = 100

function concurrencyOf({ concurrency, adaptiveConcurrency }: Cluster): object {
  return [concurrency, adaptiveConcurrency]
}

function differ(a: object, b: object): boolean {
  return a !== b && JSON.stringify(a) !== JSON.stringify(b)
}
