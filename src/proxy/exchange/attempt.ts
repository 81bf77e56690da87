import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import { grpcCode, grpcStatusOf, httpStatusOfGrpc } from '../../http/grpc.ts'
import type { HeaderList } from '../../http/headers.ts'
import { opensTunnel, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { ClientConnection, ClientStream, ResponseReceiver } from '../../http/stream.ts'
import type { ActiveEndpoint } from '../upstream/active-endpoint.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { ConnectionPool, Waiter } from '../upstream/connection-pool.ts'
import { grpcPushbackMs, httpPushbackMs } from '../upstream/pushback.ts'
import type { ActiveTry, Exchange } from './exchange.ts'
import { reasonHeader } from '../local-reply.ts'

/** How a try ended, for whoever decides about the next one. */
export interface AttemptFailure {
  readonly error: ExchangeError
  /** The request rode a connection that had served others before. */
  readonly reused: boolean
}

/** Who started the attempt and decides what follows its failure. */
export interface AttemptOwner {
  /** The head is about to go downstream. @returns true when another try replaces this one. */
  retriesStatus(exchange: Exchange, attempt: Attempt, head: ResponseHead): boolean
  /** Nothing else replaces this one: its head goes downstream. */
  onAnswering?(attempt: Attempt): void
  onAttemptFailed(exchange: Exchange, attempt: Attempt, failure: AttemptFailure): void
}

/** One try of an exchange at one endpoint: waits for a connection, relays both bodies, observes the outcome. */
export class Attempt implements ActiveTry, ResponseReceiver, Waiter {
  readonly endpoint: ActiveEndpoint
  /** Of two tries at a time each has a head of its own. */
  request: RequestHead
  readonly #exchange: Exchange
  readonly #owner: AttemptOwner
  readonly #cluster: ActiveCluster
  /** Where it waits for a connection. */
  #pool: ConnectionPool | undefined
  #stream: ClientStream | undefined
  #startedAt = 0
  /** Its outcome is in the statistics. */
  #counted = false
  #reused = false
  #settled = false
  /** The answer is complete, which is not the end of a tunnel. */
  #answerEnded = false
  /** The status of a gRPC call is still to come, in the trailers. */
  #awaitsOutcome = false
  #perTryTimer: NodeJS.Timeout | undefined

  constructor(
    exchange: Exchange,
    cluster: ActiveCluster,
    endpoint: ActiveEndpoint,
    owner: AttemptOwner,
  ) {
    this.#exchange = exchange
    this.request = exchange.request
    this.#cluster = cluster
    this.endpoint = endpoint
    this.#owner = owner
  }

  get endpointId(): string {
    return this.endpoint.endpoint.id
  }

  /** Monotonic ms. */
  get startedAt(): number {
    return this.#startedAt
  }

  /** The request's bytes go straight to the endpoint. */
  get sending(): boolean {
    return this.#stream !== undefined
  }

  start(now: number, perTryTimeoutMs: number | undefined): void {
    this.#startedAt = now
    this.endpoint.active++
    this.endpoint.requests++
    if (perTryTimeoutMs !== undefined)
      this.#perTryTimer = setTimeout(() => this.#onPerTryTimeout(), perTryTimeoutMs)
    this.#acquire(this.endpoint.pool(this.#exchange.upstreamProtocol, now), now)
  }

  onConnection(connection: ClientConnection): void {
    const exchange = this.#exchange
    this.#reused = connection.served > 0 && !connection.multiplexed
    const { body } = exchange
    const stream = connection.request(this.request, this, body === undefined)
    this.#stream = stream
    if (body === undefined) return
    if (body.replayTo(stream)) exchange.stream.resume()
  }

  onConnectFailed(error: ExchangeError): void {
    const now = this.#exchange.chain.now()
    const other = this.#pool && this.endpoint.fallback(this.#pool, error, now)
    if (other === undefined) this.#fail(error)
    else this.#acquire(other, now)
  }

  /** @returns false when upstream is slow. */
  write(chunk: Buffer): boolean {
    return this.#stream?.write(chunk) ?? true
  }

  endRequest(trailers: HeaderList | undefined): void {
    this.#stream?.end(trailers)
    if (this.#answerEnded) this.#settle()
  }

  /** Downstream takes bytes again. */
  resume(): void {
    this.#stream?.resume()
  }

  /** Given up from outside: the endpoint is not to blame. */
  cancel(error: ExchangeError): void {
    if (this.#settled) return
    this.#settle()
    if (this.#stream === undefined) this.#pool?.cancel(this)
    else this.#stream.reset(error)
  }

  /** As {@link cancel}, for a try that took too long: it counts against the endpoint. */
  timeOut(error: ExchangeError): void {
    if (this.#settled) return
    this.#observeFailure(error.code)
    this.cancel(error)
  }

  onInformational(head: ResponseHead): void {
    this.#exchange.relayInformational(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (!this.#limitsAnswer(head)) clearTimeout(this.#perTryTimer)
    const outcome = this.#exchange.isGrpc ? grpcOutcome(head, end) : head.status
    if (this.#judge(head, outcome, end)) return
    this.#owner.onAnswering?.(this)
    this.#awaitsOutcome = outcome === undefined
    // `end` closes the exchange: count the endpoint free before its filters look.
    if (end) this.#settle()
    this.#exchange.relayHead(head, end)
  }

  onBody(chunk: Buffer): void {
    if (!this.#exchange.relayBody(chunk)) this.#stream?.pause()
  }

  onEnd(trailers: HeaderList | undefined): void {
    if (this.#awaitsOutcome) this.#observeOutcome(trailers)
    const { tunnelOpenedAt, requestEnded } = this.#exchange
    if (tunnelOpenedAt === undefined || requestEnded) this.#settle()
    this.#answerEnded = true
    this.#exchange.relayEnd(trailers)
  }

  onReset(error: ExchangeError): void {
    this.#fail(error)
  }

  onWritable(): void {
    this.#exchange.stream.resume()
  }

  /** Whether the limit of this try goes on; for what becomes a tunnel none does. */
  #limitsAnswer(head: ResponseHead): boolean {
    const { route, request } = this.#exchange
    return route?.retry.limitsWholeTry === true && !opensTunnel(request, head)
  }

  #acquire(pool: ConnectionPool, now: number): void {
    this.#pool = pool
    pool.acquire(this, now)
  }

  /** @returns true when another try takes its place. */
  #judge(head: ResponseHead, outcome: number | undefined, end: boolean): boolean {
    const now = this.#exchange.chain.now()
    if (outcome !== undefined) this.#count(outcome, undefined)
    // The status of a call that failed at once may be worth another try whatever it is.
    const failed = outcome !== undefined && (outcome >= 400 || this.#exchange.isGrpc)
    const refusal = failed ? this.#refusalOf(head) : undefined
    if (!(refusal instanceof OverloadRefusal)) this.#observeHead(outcome, now)
    this.#observePushback(httpPushbackMs(head), now)
    if (this.#exchange.isGrpc && end) this.#observePushback(grpcPushbackMs(head.headers), now)
    return failed && this.#replaced(head, refusal)
  }

  #observeHead(outcome: number | undefined, now: number): void {
    const latencyMs = now - this.#startedAt
    const { gradient } = this.#cluster
    this.#cluster.observeHead(this.endpoint, outcome, latencyMs, now)
    // One that fails may fail fast, which says nothing of how much it bears.
    if (gradient !== undefined && (outcome === undefined || outcome < 500))
      gradient.observe(latencyMs, now)
  }

  #refusalOf(head: ResponseHead): ExchangeError | undefined {
    return this.endpoint.endpoint.mesh === undefined ? undefined : refusalOf(head)
  }

  #replaced(head: ResponseHead, refusal: ExchangeError | undefined): boolean {
    if (refusal !== undefined && !this.#exchange.headSent) {
      this.#settle()
      this.#stream?.reset(refusal)
      this.#owner.onAttemptFailed(this.#exchange, this, { error: refusal, reused: false })
      return true
    }
    if (!this.#owner.retriesStatus(this.#exchange, this, head)) return false
    this.cancel(new ExchangeError('upstream_reset', `answer ${head.status} is replaced by a retry`))
    return true
  }

  #observeOutcome(trailers: HeaderList | undefined): void {
    const now = this.#exchange.chain.now()
    const status = httpStatusOfGrpc(grpcStatusOf(trailers) ?? grpcCode.unknown)
    this.#count(status, undefined)
    this.#cluster.observeOutcome(this.endpoint, status, now)
    this.#observePushback(grpcPushbackMs(trailers), now)
  }

  #observePushback(pushbackMs: number | undefined, now: number): void {
    if (pushbackMs !== undefined) this.#cluster.observePushback(this.endpoint, pushbackMs, now)
  }

  #count(status: number, reason: ErrorCode | undefined): void {
    if (this.#counted) return
    this.#counted = true
    this.#cluster.stats.attempts.count(status, reason)
  }

  #fail(error: ExchangeError): void {
    if (this.#settled) return
    this.#settle()
    // What goes wrong within a tunnel is between its ends.
    if (this.#exchange.tunnelOpenedAt === undefined) this.#observeFailure(error.code)
    this.#owner.onAttemptFailed(this.#exchange, this, { error, reused: this.#reused })
  }

  #observeFailure(reason: ErrorCode): void {
    const now = this.#exchange.chain.now()
    const latencyMs = now - this.#startedAt
    this.#count(0, reason)
    this.#cluster.observeFailure(this.endpoint, latencyMs, now)
    // An endpoint that has too much to do may be too slow to answer at all.
    if (reason === 'upstream_timeout') this.#cluster.gradient?.observe(latencyMs, now)
  }

  #onPerTryTimeout(): void {
    const error = new ExchangeError(
      'upstream_timeout',
      `${this.endpoint.endpoint.id} did not answer within the limit of one try`,
    )
    if (this.#settled) return
    this.timeOut(error)
    this.#owner.onAttemptFailed(this.#exchange, this, { error, reused: false })
  }

  #settle(): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#perTryTimer)
    this.endpoint.active--
  }
}

/** The peer has too much to do: no fault of its application's, and no reason to shut it off. */
export class OverloadRefusal extends ExchangeError {}

/** Undefined: it comes with the trailers. */
function grpcOutcome({ status, headers }: ResponseHead, end: boolean): number | undefined {
  if (status !== 200) return status
  if (!end) return undefined
  return httpStatusOfGrpc(grpcStatusOf(headers) ?? grpcCode.unknown)
}

/** Reasons with which the peer's sidecar says that its application never saw the request. */
const refusals: ReadonlySet<string> = new Set<ErrorCode>([
  'draining',
  'not_ready',
  'overloaded',
  'connect_failed',
  'connect_timeout',
])

function refusalOf(head: ResponseHead): ExchangeError | undefined {
  const reason = head.headers.get(reasonHeader)
  if (reason === undefined || !refusals.has(reason)) return undefined
  const message = `the peer's sidecar answered ${reason}`
  return reason === 'overloaded'
    ? new OverloadRefusal('upstream_refused', message)
    : new ExchangeError('upstream_refused', message)
}
