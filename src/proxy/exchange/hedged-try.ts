import { ExchangeError } from '../../base/errors.ts'
import { grpcStatusOf, httpStatusOfGrpc } from '../../http/grpc.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { HedgingPolicy } from '../../model/policy/hedging.ts'
import type { RetryPolicy } from '../../model/route.ts'
import { isIdempotent } from '../../resilience/retry-decision.ts'
import { idempotencyKeyHeader } from '../mesh-headers.ts'
import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import type { ActiveTry, Exchange } from './exchange.ts'
import type { HedgeDelay } from './hedge-delay.ts'
import { setTryHeaders } from './try-headers.ts'

/** Between looks whether a request is here as a whole. */
const leastUploadWaitMs = 25

export interface HedgedTryOptions {
  readonly exchange: Exchange
  readonly cluster: ActiveCluster
  readonly policy: HedgingPolicy
  readonly perTryTimeoutMs: number | undefined
  readonly delay: HedgeDelay
  /** Endpoints that were tried; those of failed tries are added. */
  readonly tried: ActiveEndpoint[]
  /** Decides what follows when the last of the tries has failed. */
  readonly owner: AttemptOwner
}

/**
 * Several tries of one request at different endpoints, each begun when those before it have not answered by the delay
 * of the policy. The first good head wins; the others are given up, and their endpoints not blamed. Only for requests
 * that may be done twice. The body goes to all from the exchange's buffer, so that a further try needs all of it there.
 */
export class HedgedTry implements ActiveTry, AttemptOwner {
  readonly #options: HedgedTryOptions
  /** In flight, the oldest first. */
  #tries: Attempt[] = []
  #started = 0
  #endpointId = ''
  #timer: NodeJS.Timeout | undefined

  constructor(options: HedgedTryOptions) {
    this.#options = options
  }

  /** Of the try that began last. */
  get endpointId(): string {
    return this.#endpointId
  }

  get sending(): boolean {
    return this.#tries.some(({ sending }) => sending)
  }

  /** Begins the first try, whose headers are set. */
  start(endpoint: ActiveEndpoint, now: number): void {
    const { exchange, delay, policy } = this.#options
    exchange.attempt = this
    const afterMs = delay.after(policy, now)
    if (afterMs !== undefined) this.#arm(afterMs)
    this.#begin(endpoint, now)
  }

  write(chunk: Buffer): boolean {
    // A further try begins only when the request is complete, so that no more than one is sent to here.
    for (const attempt of this.#tries) if (attempt.sending) return attempt.write(chunk)
    return true
  }

  endRequest(trailers: HeaderList | undefined): void {
    for (const attempt of this.#tries) if (attempt.sending) attempt.endRequest(trailers)
  }

  resume(): void {
    for (const attempt of this.#tries) attempt.resume()
  }

  cancel(error: ExchangeError): void {
    this.#stop()
    for (const attempt of this.#tries.splice(0)) attempt.cancel(error)
  }

  /** Only the first has had its time. */
  timeOut(error: ExchangeError): void {
    this.#stop()
    const [first, ...others] = this.#tries.splice(0)
    first?.timeOut(error)
    for (const attempt of others) attempt.cancel(error)
  }

  retriesStatus(exchange: Exchange, attempt: Attempt, head: ResponseHead): boolean {
    if (this.#tries.length > 1 && isGood(exchange, head)) return false
    if (this.#leave(attempt)) return true
    this.#stop()
    return this.#options.owner.retriesStatus(exchange, attempt, head)
  }

  onAttemptFailed(exchange: Exchange, attempt: Attempt, failure: AttemptFailure): void {
    if (this.#leave(attempt)) return
    this.#stop()
    this.#options.owner.onAttemptFailed(exchange, attempt, failure)
  }

  onAnswering(winner: Attempt): void {
    const { exchange, cluster, delay } = this.#options
    this.#stop()
    const now = exchange.chain.now()
    const error = new ExchangeError('upstream_closed', 'another endpoint has answered first')
    for (const attempt of this.#tries) {
      const elapsedMs = now - attempt.startedAt
      delay.observe(elapsedMs, now)
      if (attempt === winner) continue
      cluster.observeSlower(attempt.endpoint, elapsedMs, now)
      attempt.cancel(error)
    }
    this.#tries = [winner]
    exchange.attempt = winner
  }

  /** @returns whether others are still at work. */
  #leave(attempt: Attempt): boolean {
    const index = this.#tries.indexOf(attempt)
    if (index >= 0) this.#tries.splice(index, 1)
    if (this.#tries.length === 0) return false
    this.#options.tried.push(attempt.endpoint)
    return true
  }

  #stop(): void {
    clearTimeout(this.#timer)
  }

  #arm(afterMs: number): void {
    this.#timer = setTimeout(() => this.#hedge(afterMs), afterMs)
  }

  #hedge(afterMs: number): void {
    const { exchange, cluster, policy, tried } = this.#options
    const { body, requestEnded } = exchange
    if (body !== undefined && (!body.replayable || body.full)) return
    // Until then nobody can have answered.
    if (!requestEnded) return this.#arm(Math.max(afterMs, leastUploadWaitMs))
    const now = exchange.chain.now()
    if (now >= exchange.deadlineAt) return
    const busy = [...tried, ...this.#tries.map(({ endpoint }) => endpoint)]
    const endpoint = cluster.pick(now, busy, exchange.forwarding?.selection)
    if (endpoint === undefined || busy.includes(endpoint)) return
    if (!cluster.budget.tryWithdraw(now)) return
    cluster.stats.hedges++
    exchange.attempts++
    const headers = exchange.request.headers.clone()
    setTryHeaders(headers, exchange, endpoint, now)
    if (this.#started + 1 < policy.maxAttempts) this.#arm(afterMs)
    this.#begin(endpoint, now, headers)
  }

  #begin(endpoint: ActiveEndpoint, now: number, headers?: HeaderList): void {
    const { exchange, cluster, perTryTimeoutMs } = this.#options
    this.#started++
    this.#endpointId = endpoint.endpoint.id
    const attempt = new Attempt(exchange, cluster, endpoint, this)
    if (headers !== undefined) attempt.request = { ...exchange.request, headers }
    this.#tries.push(attempt)
    attempt.start(now, perTryTimeoutMs)
  }
}

/** Whether what is asked may be done at two endpoints at a time; retries of a hop above are enough. */
export function mayHedge(
  { request, upstreamProtocol, upperAttempt }: Exchange,
  policy: RetryPolicy,
): boolean {
  const { method, headers, upgrade } = request
  if (upgrade !== undefined || upstreamProtocol === 'tcp' || upperAttempt > 1) return false
  return isIdempotent(policy, { method, idempotencyKey: headers.has(idempotencyKeyHeader) })
}

function isGood({ isGrpc }: Exchange, { status, headers }: ResponseHead): boolean {
  const grpcStatus = isGrpc ? grpcStatusOf(headers) : undefined
  return (grpcStatus === undefined ? status : httpStatusOfGrpc(grpcStatus)) < 500
}
