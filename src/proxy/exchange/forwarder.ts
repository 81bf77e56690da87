import { ExchangeError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { wallNow } from '../../base/clock.ts'
import { grpcPushbackHeader, grpcStatusOf } from '../../http/grpc.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { HedgingPolicy } from '../../model/policy/hedging.ts'
import type { RetryPolicy } from '../../model/route.ts'
import { refused, type CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import type { ConcurrencyLimit } from '../../resilience/concurrency-limit.ts'
import {
  decideRetry,
  type FailedAttempt,
  type RetryDecision,
} from '../../resilience/retry-decision.ts'
import { Attempt, OverloadRefusal, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import type { Activator } from '../functions/activator.ts'
import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { Selection } from '../upstream/request-selector.ts'
import type { ActiveRoute } from '../routing/router.ts'
import { timeoutOf } from './deadline.ts'
import type { StrictDns } from '../upstream/resolution/strict-dns.ts'
import type { Exchange } from './exchange.ts'
import { FaultInjector } from './fault-injector.ts'
import type { Filter } from './filter.ts'
import { HedgeDelay } from './hedge-delay.ts'
import { HedgedTry, mayHedge } from './hedged-try.ts'
import { idempotencyKeyHeader, retriedHeader } from '../mesh-headers.ts'
import { setTryHeaders } from './try-headers.ts'
import { isUnfair, judge, judgeProbe } from './verdict.ts'
import { Wait } from './wait.ts'

/** What an attempt tells about its failure. */
interface FailureFacts extends Pick<
  FailedAttempt,
  'outcome' | 'grpcStatus' | 'retryAfter' | 'pushback'
> {
  readonly reused: boolean
}

/** What an exchange carries between its tries. */
export interface Forwarding {
  readonly cluster: ActiveCluster
  readonly policy: RetryPolicy
  readonly limit: ConcurrencyLimit
  readonly breaker: CircuitBreaker
  /** Of the breaker, to be handed back with the outcome. */
  readonly permit: number
  /** What of the request decides between endpoints. */
  readonly selection: Selection | undefined
  /** The route's own breaker, if it has one, and its permit. */
  readonly routeBreaker: CircuitBreaker | undefined
  readonly routePermit: number
  tried: ActiveEndpoint[] | undefined
  /** Its end says nothing of the upstream. */
  unjudged: boolean
  /** The breakers know already. */
  judged: boolean
  /** When the last try began. */
  triedAt: number
  /** The limit that latency sets does not count it any more. */
  exempt: boolean
}

/**
 * The end of a chain: sends an exchange to its cluster. Deadline, faults, concurrency limit, circuit breakers, choice of
 * endpoint, retries, hedging and observation of outcomes happen here, in this order.
 */
export class Forwarder implements AttemptOwner, Filter {
  readonly #random: Random
  readonly #activator: Activator | undefined
  readonly #faults: FaultInjector
  readonly #hedgeDelays = new WeakMap<ActiveCluster, HedgeDelay>()
  readonly #strictDns: StrictDns | undefined

  /** @param activator for functions that run nowhere. @param strictDns for hosts whose address is not known yet. */
  constructor(random: Random, activator?: Activator, strictDns?: StrictDns) {
    this.#random = random
    this.#activator = activator
    this.#faults = new FaultInjector(random)
    this.#strictDns = strictDns
  }

  /** `exchange.route` and `exchange.cluster` are set. */
  readonly forward = (exchange: Exchange): void => {
    const { route, cluster } = exchange
    if (route === undefined || cluster === undefined)
      return exchange.fail(new ExchangeError('no_route', 'no route was chosen'))
    // perf: bench hop-100B. No time has passed but in plugins and waits, and asking the clock costs.
    const isLate = exchange.heldUp || exchange.plugins !== undefined
    const now = isLate ? exchange.chain.now() : exchange.startedAt
    const timeoutMs = timeoutOf(exchange, route.timeoutMs)
    if (timeoutMs !== undefined && !this.#startTimeout(exchange, timeoutMs, now)) return
    const faults = route.policies?.faults
    if (faults !== undefined) {
      const go = (): void => this.#admit(exchange, route, cluster, exchange.chain.now())
      if (this.#faults.take(exchange, faults, go)) return
    }
    this.#admit(exchange, route, cluster, now)
  }

  /** What it took until now is what a limit and a probe go by; the rest may be a stream of hours. */
  onResponse(exchange: Exchange): void {
    const { forwarding, reason, chain } = exchange
    if (forwarding === undefined || reason !== undefined) return
    const { cluster, limit } = forwarding
    judgeProbe(exchange, forwarding)
    if (cluster.gradient === undefined) return
    forwarding.exempt = true
    limit.exempt()
    if (cluster.queue !== undefined) this.#letIn(cluster, chain.now())
  }

  /** Gives back what {@link forward} took, and tells the breakers how the exchange as a whole ended. */
  onComplete(exchange: Exchange): void {
    const { forwarding } = exchange
    if (forwarding === undefined) return
    const { cluster, limit } = forwarding
    limit.release(forwarding.exempt)
    judge(exchange, forwarding)
    if (cluster.queue !== undefined) this.#letIn(cluster, exchange.endedAt)
  }

  retriesStatus(exchange: Exchange, attempt: Attempt, head: ResponseHead): boolean {
    const { forwarding } = exchange
    if (forwarding === undefined) return false
    const { policy } = forwarding
    const { status: outcome, headers } = head
    if (attempt.endpoint.endpoint.mesh !== undefined && headers.has(retriedHeader))
      exchange.retriedOut = true
    const grpcStatus = exchange.isGrpc ? grpcStatusOf(headers) : undefined
    const listed =
      grpcStatus === undefined
        ? policy.statuses.includes(outcome)
        : policy.grpcStatuses?.includes(grpcStatus) === true
    if (!listed) return false
    const decision = this.#decide(exchange, forwarding, {
      outcome,
      grpcStatus,
      retryAfter: headers.get('retry-after'),
      pushback: headers.get(grpcPushbackHeader),
      reused: false,
    })
    if (decision.kind === 'give-up') {
      if (decision.reason === 'budget-spent') exchange.retriedOut = true
      return false
    }
    this.#tryAgain(exchange, forwarding, attempt, decision.delayMs)
    return true
  }

  onAttemptFailed(exchange: Exchange, attempt: Attempt, { error, reused }: AttemptFailure): void {
    const { forwarding } = exchange
    if (exchange.completed || forwarding === undefined) return
    const isOverload = error instanceof OverloadRefusal
    // Nobody else could take it, and who has too much to do need not be asked at once.
    if (isOverload && forwarding.cluster.endpoints.length < 2)
      return exchange.fail(new ExchangeError('overloaded', error.message, error))
    const decision = this.#decide(exchange, forwarding, {
      outcome: error.code,
      reused,
    })
    if (decision.kind === 'retry')
      return this.#tryAgain(exchange, forwarding, attempt, decision.delayMs)
    if (decision.reason === 'budget-spent') exchange.retriedOut = true
    exchange.fail(
      isOverload
        ? new ExchangeError('overloaded', error.message, error)
        : describe(error, decision, exchange),
    )
  }

  #decide(
    exchange: Exchange,
    { cluster, policy }: Forwarding,
    failed: FailureFacts,
  ): RetryDecision {
    const now = exchange.chain.now()
    const { method, headers } = exchange.request
    return decideRetry(
      policy,
      {
        now,
        wallNow: wallNow(),
        random: this.#random,
        method,
        idempotencyKey: headers.has(idempotencyKeyHeader),
        attempt: exchange.attempts,
        outcome: failed.outcome,
        grpcStatus: failed.grpcStatus,
        retryAfter: failed.retryAfter,
        pushback: failed.pushback,
        connectionReused: failed.reused,
        bodyReplayable: exchange.body === undefined || exchange.body.replayable,
        responseStarted: exchange.headSent,
        remainingMs: exchange.deadlineAt - now,
        repeatedElsewhere: exchange.retriedOut || exchange.upperAttempt > 1,
      },
      cluster.budget,
    )
  }

  #tryAgain(exchange: Exchange, forwarding: Forwarding, failed: Attempt, delayMs: number): void {
    exchange.attempt = undefined
    forwarding.tried ??= []
    forwarding.tried.push(failed.endpoint)
    forwarding.cluster.stats.retries++
    exchange.retryTimer = setTimeout(
      () => this.#tryOnce(exchange, forwarding, exchange.chain.now()),
      delayMs,
    )
  }

  #tryOnce(exchange: Exchange, forwarding: Forwarding, now: number): void {
    const { cluster, policy, tried, selection } = forwarding
    if (now >= exchange.deadlineAt) return exchange.fail(tooLate(exchange))
    const endpoint = exchange.session?.take() ?? cluster.pick(now, tried, selection)
    if (endpoint === undefined) return this.#withoutEndpoint(exchange, cluster, selection?.subset)
    exchange.attempts++
    forwarding.triedAt = now
    setTryHeaders(exchange.request.headers, exchange, endpoint, now)
    const hedging = exchange.route?.policies?.hedging
    if (hedging !== undefined && mayHedge(exchange, policy))
      return this.#hedge(exchange, forwarding, hedging).start(endpoint, now)
    const attempt = new Attempt(exchange, cluster, endpoint, this)
    exchange.attempt = attempt
    attempt.start(now, policy.perTryTimeoutMs)
  }

  #hedge(exchange: Exchange, forwarding: Forwarding, hedging: HedgingPolicy): HedgedTry {
    const { cluster, policy } = forwarding
    forwarding.tried ??= []
    return new HedgedTry({
      exchange,
      cluster,
      policy: hedging,
      perTryTimeoutMs: policy.perTryTimeoutMs,
      delay: this.#hedgeDelayOf(cluster),
      tried: forwarding.tried,
      owner: this,
    })
  }

  #hedgeDelayOf(cluster: ActiveCluster): HedgeDelay {
    const known = this.#hedgeDelays.get(cluster)
    if (known !== undefined) return known
    const delay = new HedgeDelay()
    this.#hedgeDelays.set(cluster, delay)
    return delay
  }

  /** Of a function that does not run there will be one. Those that are there and may not serve are another matter. */
  #withoutEndpoint(exchange: Exchange, cluster: ActiveCluster, subset: string | undefined): void {
    const goOn = (): void => {
      const { forwarding } = exchange
      if (forwarding !== undefined) this.#tryOnce(exchange, forwarding, exchange.chain.now())
    }
    const isEmpty = cluster.endpoints.length === 0
    if (isEmpty && cluster.policy.discovery === 'dns' && this.#strictDns !== undefined)
      return this.#strictDns.hold(exchange, cluster, goOn)
    const starts = cluster.policy.activates !== undefined && isEmpty
    if (this.#activator === undefined || !starts)
      return exchange.fail(new ExchangeError('no_healthy_endpoint', absenceIn(cluster, subset)))
    this.#activator.hold(exchange, cluster, goOn)
  }

  #admit(exchange: Exchange, route: ActiveRoute, cluster: ActiveCluster, now: number): void {
    if (cluster.limit.tryAcquire()) return this.#send(exchange, route, cluster, now)
    const { queue } = cluster
    const message = `${cluster.name} has all the requests in flight it may have`
    if (queue === undefined) return exchange.fail(new ExchangeError('overloaded', message))
    const wait = new Wait(
      exchange,
      end => {
        if (end === 'ended') return this.#send(exchange, route, cluster, exchange.chain.now())
        queue.remove(wait)
        if (end === 'elapsed')
          exchange.fail(
            new ExchangeError('overloaded', `${message}, and none ended in ${queue.timeoutMs} ms`),
          )
      },
      queue.timeoutMs,
    )
    exchange.attempt = wait
    if (!queue.add(wait)) {
      wait.cancel()
      exchange.fail(new ExchangeError('overloaded', `${message}, and ${queue.most} wait`))
    }
  }

  /** Those who wait for what has come free. One that fails at once comes by here again, while the first is at it. */
  #letIn({ queue, limit }: ActiveCluster, now: number): void {
    if (queue === undefined || queue.isMoving) return
    queue.isMoving = true
    while (queue.length > 0 && limit.tryAcquire()) queue.next(now)?.end()
    queue.isMoving = false
  }

  /** Its place in the concurrency limit is taken. */
  #send(exchange: Exchange, route: ActiveRoute, cluster: ActiveCluster, now: number): void {
    const { limit, breaker } = cluster
    const routeBreaker = route.policies?.breaker
    const routePermit = routeBreaker === undefined ? refused : routeBreaker.tryAcquire()
    if (routeBreaker !== undefined && routePermit === refused)
      return this.#refuse(exchange, cluster, routeBreaker.refusal)
    const permit = breaker.tryAcquire()
    if (permit === refused) {
      routeBreaker?.onIgnored(routePermit)
      return this.#refuse(exchange, cluster, breaker.refusal)
    }
    const forwarding: Forwarding = {
      cluster,
      policy: route.retry,
      limit,
      breaker,
      permit,
      selection: cluster.select(exchange.request, exchange.stream.connection),
      routeBreaker,
      routePermit,
      tried: undefined,
      unjudged: false,
      judged: false,
      triedAt: now,
      exempt: false,
    }
    exchange.forwarding = forwarding
    cluster.budget.deposit(now)
    this.#tryOnce(exchange, forwarding, now)
  }

  #refuse(exchange: Exchange, cluster: ActiveCluster, message: string): void {
    cluster.limit.release()
    // Whoever tries again above would be refused again.
    exchange.retriedOut = true
    exchange.fail(new ExchangeError('circuit_open', message))
  }

  /** @returns false when there is no time left. */
  #startTimeout(exchange: Exchange, timeoutMs: number, now: number): boolean {
    exchange.deadlineAt = exchange.startedAt + timeoutMs
    const leftMs = timeoutMs - (now - exchange.startedAt)
    if (leftMs <= 0) {
      exchange.fail(tooLate(exchange))
      return false
    }
    exchange.timeout = setTimeout(() => {
      const error = new ExchangeError('upstream_timeout', `no full answer within ${timeoutMs} ms`)
      const { forwarding, attempt } = exchange
      if (forwarding !== undefined && isUnfair(exchange, forwarding)) {
        // Of tries that have failed before, the service as a whole is to blame.
        forwarding.unjudged = !forwarding.tried?.length
        attempt?.cancel(error)
      } else attempt?.timeOut(error)
      exchange.fail(error)
    }, leftMs)
    return true
  }
}

function absenceIn({ name, policy }: ActiveCluster, value: string | undefined): string {
  const nobody = `${name} has no endpoint that can serve`
  if (value === undefined || policy.subset?.fallback !== 'none') return nobody
  return `${nobody} with ${policy.subset.label} ${JSON.stringify(value)}, and the subset of its TrafficPolicy has no fallback`
}

function tooLate({ deadlineAt, startedAt }: Exchange): ExchangeError {
  const message = `the deadline of ${Math.round(deadlineAt - startedAt)} ms has passed before a try`
  return new ExchangeError('upstream_timeout', message)
}

function describe(
  error: ExchangeError,
  decision: RetryDecision,
  exchange: Exchange,
): ExchangeError {
  const tries = exchange.attempts > 1 ? ` (after ${exchange.attempts} tries)` : ''
  if (decision.kind === 'give-up' && decision.reason === 'budget-spent')
    return new ExchangeError(
      'retry_budget_spent',
      `${error.message}; no retry: budget spent`,
      error,
    )
  return tries === '' ? error : new ExchangeError(error.code, `${error.message}${tries}`, error)
}
