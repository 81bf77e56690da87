import { ExchangeError, errorTable } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import {
  formatGrpcTimeout,
  grpcPushbackHeader,
  grpcStatusOf,
  grpcTimeoutHeader,
  parseGrpcTimeout,
} from '../../http/grpc.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { RetryPolicy } from '../../model/route.ts'
import { refused, type CircuitBreaker } from '../../resilience/circuit-breaker.ts'
import type { ConcurrencyLimit } from '../../resilience/concurrency-limit.ts'
import {
  decideRetry,
  type FailedAttempt,
  type RetryDecision,
} from '../../resilience/retry-decision.ts'
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import type { Activator } from '../functions/activator.ts'
import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { Selection } from '../upstream/request-selector.ts'
import type { Exchange } from './exchange.ts'
import type { Filter } from './filter.ts'
import { targetPortHeader, attemptHeader } from '../mesh-headers.ts'

/** A timer of more than this fires at once. */
const longestTimerMs = 2 ** 31 - 1

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
  tried: ActiveEndpoint[] | undefined
  /** The caller's own deadline came before the upstream had fair time, which says nothing of it. */
  impatient: boolean
}

/**
 * The end of a chain: sends an exchange to its cluster. Deadline, retries, concurrency limit, circuit breaker,
 * choice of endpoint and observation of outcomes happen here, in this order.
 */
export class Forwarder implements AttemptOwner, Filter {
  readonly #random: Random
  readonly #activator: Activator | undefined

  /** @param activator for functions that run nowhere. */
  constructor(random: Random, activator?: Activator) {
    this.#random = random
    this.#activator = activator
  }

  /** `exchange.route` and `exchange.cluster` are set. */
  readonly forward = (exchange: Exchange): void => {
    const { route, cluster } = exchange
    if (route === undefined || cluster === undefined)
      return exchange.fail(new ExchangeError('no_route', 'no route was chosen'))
    const { limit, breaker } = cluster
    if (!limit.tryAcquire())
      return exchange.fail(
        new ExchangeError(
          'overloaded',
          `${cluster.name} has all the requests in flight it may have`,
        ),
      )
    const permit = breaker.tryAcquire()
    if (permit === refused) {
      limit.release()
      return exchange.fail(new ExchangeError('circuit_open', breaker.refusal))
    }
    const forwarding: Forwarding = {
      cluster,
      policy: route.retry,
      limit,
      breaker,
      permit,
      selection: cluster.select(exchange.request, exchange.stream.connection),
      tried: undefined,
      impatient: false,
    }
    exchange.forwarding = forwarding
    const timeoutMs = timeoutOf(exchange, route.timeoutMs)
    if (timeoutMs !== undefined) this.#startTimeout(exchange, forwarding, timeoutMs)
    cluster.budget.deposit(exchange.startedAt)
    // perf: bench hop-100B. No time has passed before the first try, and asking the clock costs.
    this.#tryOnce(exchange, forwarding, exchange.startedAt)
  }

  /** Gives back what {@link forward} took, and tells the breaker how the exchange as a whole ended. */
  onComplete(exchange: Exchange): void {
    const { forwarding, outcome, reason, attempts, tunnelOpenedAt } = exchange
    if (forwarding === undefined) return
    const { cluster, limit, breaker, permit, impatient } = forwarding
    limit.release()
    // Where nobody was asked nothing is learnt: a service whose first endpoint comes must not stay shut off.
    const isCallersDoing = reason !== undefined && errorTable[reason].source === 'downstream'
    if (attempts === 0 || impatient || isCallersDoing) breaker.onIgnored(permit)
    else if (tunnelOpenedAt !== undefined) breaker.onSuccess(permit)
    else if (cluster.isFailure(outcome) || reason !== undefined) breaker.onFailure(permit)
    else breaker.onSuccess(permit)
  }

  retriesStatus(exchange: Exchange, attempt: Attempt, head: ResponseHead): boolean {
    const { forwarding } = exchange
    if (forwarding === undefined) return false
    const { policy } = forwarding
    const { status: outcome, headers } = head
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
    if (decision.kind === 'give-up') return false
    this.#tryAgain(exchange, forwarding, attempt, decision.delayMs)
    return true
  }

  onAttemptFailed(exchange: Exchange, attempt: Attempt, { error, reused }: AttemptFailure): void {
    const { forwarding } = exchange
    if (exchange.completed || forwarding === undefined) return
    const decision = this.#decide(exchange, forwarding, {
      outcome: error.code,
      reused,
    })
    if (decision.kind === 'retry')
      return this.#tryAgain(exchange, forwarding, attempt, decision.delayMs)
    exchange.fail(describe(error, decision, exchange))
  }

  #decide(
    exchange: Exchange,
    { cluster, policy }: Forwarding,
    failed: FailureFacts,
  ): RetryDecision {
    const now = exchange.chain.now()
    return decideRetry(
      policy,
      {
        now,
        random: this.#random,
        method: exchange.request.method,
        attempt: exchange.attempts,
        outcome: failed.outcome,
        grpcStatus: failed.grpcStatus,
        retryAfter: failed.retryAfter,
        pushback: failed.pushback,
        connectionReused: failed.reused,
        bodyReplayable: exchange.body === undefined || exchange.body.replayable,
        responseStarted: exchange.headSent,
        remainingMs: exchange.deadlineAt - now,
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

  #tryOnce(
    exchange: Exchange,
    { cluster, policy, tried, selection }: Forwarding,
    now: number,
  ): void {
    const endpoint = exchange.session?.take() ?? cluster.pick(now, tried, selection)
    if (endpoint === undefined) return this.#withoutEndpoint(exchange, cluster, selection?.subset)
    exchange.attempts++
    const { headers } = exchange.request
    if (endpoint.endpoint.mesh !== undefined)
      headers.set(targetPortHeader, endpoint.targetPorts[exchange.upstreamProtocol])
    if (exchange.isGrpc && exchange.deadlineAt !== Number.POSITIVE_INFINITY)
      headers.set(grpcTimeoutHeader, formatGrpcTimeout(exchange.deadlineAt - now))
    if (exchange.attempts > 1) headers.set(attemptHeader, String(exchange.attempts))
    const attempt = new Attempt(exchange, cluster, endpoint, this)
    exchange.attempt = attempt
    attempt.start(now, policy.perTryTimeoutMs)
  }

  /** Of a function that does not run there will be one. Those that are there and may not serve are another matter. */
  #withoutEndpoint(exchange: Exchange, cluster: ActiveCluster, subset: string | undefined): void {
    const starts = cluster.policy.activates !== undefined && cluster.endpoints.length === 0
    if (this.#activator === undefined || !starts)
      return exchange.fail(new ExchangeError('no_healthy_endpoint', absenceIn(cluster, subset)))
    this.#activator.hold(exchange, cluster, () => {
      const { forwarding } = exchange
      if (forwarding !== undefined) this.#tryOnce(exchange, forwarding, exchange.chain.now())
    })
  }

  #startTimeout(exchange: Exchange, forwarding: Forwarding, timeoutMs: number): void {
    exchange.deadlineAt = exchange.startedAt + timeoutMs
    // Of the two limits this is the caller's.
    const isCallers = timeoutMs !== exchange.route?.timeoutMs
    exchange.timeout = setTimeout(() => {
      const error = new ExchangeError('upstream_timeout', `no full answer within ${timeoutMs} ms`)
      forwarding.impatient = isCallers && !forwarding.cluster.isFairTime(timeoutMs)
      if (forwarding.impatient) exchange.attempt?.cancel(error)
      else exchange.attempt?.timeOut(error)
      exchange.fail(error)
    }, timeoutMs)
  }
}

function absenceIn({ name, policy }: ActiveCluster, value: string | undefined): string {
  const nobody = `${name} has no endpoint that can serve`
  if (value === undefined || policy.subset?.fallback !== 'none') return nobody
  return `${nobody} with ${policy.subset.label} ${JSON.stringify(value)}, and the subset of its TrafficPolicy has no fallback`
}

/** A caller's deadline holds beside the route's; the shorter one counts. */
function timeoutOf({ isGrpc, request }: Exchange, routeMs: number | undefined): number | undefined {
  if (!isGrpc) return routeMs
  const callerMs = parseGrpcTimeout(request.headers.get(grpcTimeoutHeader))
  if (callerMs === undefined) return routeMs
  return Math.min(callerMs, longestTimerMs, routeMs ?? Number.POSITIVE_INFINITY)
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
