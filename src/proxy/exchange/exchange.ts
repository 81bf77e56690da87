import type { ErrorCode, ExchangeError } from '../../base/errors.ts'
import { grpcStatusOf, httpStatusOfGrpc, isGrpc } from '../../http/grpc.ts'
import type { HeaderList } from '../../http/headers.ts'
import {
  asksForTunnel,
  opensTunnel,
  type RequestHead,
  type ResponseHead,
  type WireProtocol,
} from '../../http/message.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'
import type { TunnelStats } from '../../telemetry/request-stats.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { Claims } from '../authorization/claims.ts'
import type { PolicyNote } from '../authorization/policy-counters.ts'
import type { Chain, Filter } from './filter.ts'
import type { InboundCall } from './call-correlation.ts'
import type { Forwarding } from './forwarder.ts'
import {
  grpcTrailers,
  renderGrpcReply,
  renderInvokeReply,
  renderLocalAnswer,
  renderLocalReply,
  type LocalAnswer,
  type LocalReply,
} from '../local-reply.ts'
import type { PluginExchange } from '../plugins/plugin-exchange.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import type { MirroredRequest } from '../routing/mirroring/mirrored-request.ts'
import type { ActiveRoute } from '../routing/router.ts'
import type { Session } from '../routing/session/session.ts'

/** Who works on the answer to an exchange. */
export interface ActiveTry {
  /** For the access log. */
  readonly endpointId: string
  /** The request's bytes go straight there. */
  readonly sending: boolean
  /** @returns false when it is slow. */
  write(chunk: Buffer): boolean
  endRequest(trailers: HeaderList | undefined): void
  /** Downstream takes bytes again. */
  resume(): void
  /** Given up from outside. */
  cancel(error: ExchangeError): void
  timeOut(error: ExchangeError): void
}

/**
 * One request on its way through this sidecar, seen from downstream: it owns the server's stream and whatever
 * outlives a single try. Tries are {@link Attempt}s, one at a time unless they are hedged.
 */
export class Exchange implements RequestReceiver {
  readonly stream: ServerStream
  readonly request: RequestHead
  readonly chain: Chain
  readonly startedAt: number
  /** Set by the router. */
  route: ActiveRoute | undefined
  cluster: ActiveCluster | undefined
  /** Of the route and the backend, for the answer, in the order in which they apply. Undefined: none. */
  responseFilters: readonly Filter[] | undefined
  /** With an endpoint to be tried first. Undefined: the route keeps none. */
  session: Session | undefined
  /** How the caller wrote what its route has rewritten. Undefined: the request is as it came. */
  asked: Pick<RequestHead, 'authority' | 'path'> | undefined
  /** Copies that are sent along. Undefined: none. */
  mirrors: MirroredRequest[] | undefined
  /** What the application is to be spoken to. */
  upstreamProtocol: WireProtocol = 'http/1.1'
  /** Port of the own application that a call from the mesh is for; 0: of none, as a function has none. */
  localPort = 0
  /** Of the caller's token, once it is verified. */
  claims: Claims | undefined
  /** What a policy has to say of it. */
  policyNote: PolicyNote | undefined
  /** Somebody has held it up before a try: it is later than {@link startedAt}. */
  heldUp = false
  attempt: ActiveTry | undefined
  /** Tries so far. */
  attempts = 0
  /** Set while it is with a cluster. */
  forwarding: Forwarding | undefined
  /** Monotonic ms, as all times here. */
  deadlineAt = Number.POSITIVE_INFINITY
  /** Number of the try of a hop above that this request is a part of. */
  upperAttempt = 1
  /** It was tried again in vain, here or below, or the means for that are spent. */
  retriedOut = false
  /** The application gave no request id: nothing tells which of its own callers this call is for. */
  hasOwnRequestId = false
  /** What the calls that the application makes for it take over. */
  call: InboundCall | undefined
  /** Set when it is over. */
  endedAt = Number.POSITIVE_INFINITY
  /** Status sent downstream, 0 before. */
  status = 0
  /** Of a gRPC call that was answered. */
  grpcStatus: number | undefined
  /** Why Weft answered or reset this exchange itself. */
  reason: ErrorCode | undefined
  requestBytes = 0
  responseBytes = 0
  /** Since when both halves carry raw bytes. */
  tunnelOpenedAt: number | undefined
  /** The application's whole request is here: nothing more will come from downstream. */
  requestEnded: boolean
  timeout: NodeJS.Timeout | undefined
  retryTimer: NodeJS.Timeout | undefined
  readonly isGrpc: boolean
  /** The caller uses the Lambda Invoke API, and expects errors in its shapes. */
  invokes = false
  /** Set where there are plugins. */
  plugins: PluginExchange | undefined
  /** Undefined for a request without a body. */
  readonly body: ReplayBuffer | undefined
  /** Counts the tunnel's bytes. */
  #tunnels: TunnelStats | undefined
  #answerEnded = false
  #completed = false

  constructor(stream: ServerStream, chain: Chain) {
    this.stream = stream
    this.request = stream.request
    this.chain = chain
    this.startedAt = chain.now()
    this.requestEnded = stream.request.bodyLength === 0 && !asksForTunnel(stream.request)
    this.body = this.requestEnded ? undefined : new ReplayBuffer()
    const { version, method, headers } = this.request
    this.isGrpc = version === '2' && method === 'POST' && isGrpc(headers)
  }

  get headSent(): boolean {
    return this.status !== 0
  }

  /** The status by which success is measured: that of a gRPC call stands in its trailers. */
  get outcome(): number {
    return this.grpcStatus === undefined ? this.status : httpStatusOfGrpc(this.grpcStatus)
  }

  /** Id of the endpoint that was tried last. */
  get lastEndpoint(): string | undefined {
    return this.attempt?.endpointId
  }

  get completed(): boolean {
    return this.#completed
  }

  onBody(chunk: Buffer): void {
    this.requestBytes += chunk.length
    if (this.#tunnels !== undefined) this.#tunnels.receivedBytes += chunk.length
    if (this.#completed || this.body === undefined) return
    if (this.mirrors !== undefined) for (const mirror of this.mirrors) mirror.write(chunk)
    const attempt = this.attempt
    const taken = attempt?.sending === true
    this.body.push(chunk, taken)
    if (taken ? !attempt?.write(chunk) : this.body.full) this.stream.pause()
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.requestEnded = true
    this.body?.end(trailers)
    if (this.mirrors !== undefined) for (const mirror of this.mirrors) mirror.end(trailers)
    if (this.attempt?.sending === true) this.attempt.endRequest(trailers)
    if (this.#answerEnded) this.#complete()
  }

  /** Downstream went away: nobody is left to answer. */
  onReset(error: ExchangeError): void {
    if (this.#completed) return
    this.reason = error.code
    this.attempt?.cancel(error)
    this.#complete()
  }

  onWritable(): void {
    this.attempt?.resume()
  }

  relayInformational(head: ResponseHead): void {
    if (!this.#completed && !this.headSent) this.stream.sendInformational(head)
  }

  /** The answer starts: from here no retry may follow (invariant 3). */
  relayHead(head: ResponseHead, end: boolean): void {
    if (this.#completed) return
    this.body?.release()
    this.status = head.status
    if (this.isGrpc && end) this.grpcStatus = grpcStatusOf(head.headers)
    this.chain.response(this, head)
    // A filter has refused it.
    if (this.#completed) return
    this.stream.sendHead(head, end)
    if (end) this.#complete()
    else if (opensTunnel(this.request, head)) this.#openTunnel()
  }

  /** @returns false when downstream is slow: stop reading upstream until `onWritable`. */
  relayBody(chunk: Buffer): boolean {
    if (this.#completed) return true
    this.responseBytes += chunk.length
    if (this.#tunnels !== undefined) this.#tunnels.sentBytes += chunk.length
    return this.stream.write(chunk)
  }

  relayEnd(trailers: HeaderList | undefined): void {
    if (this.#completed) return
    if (this.isGrpc) this.grpcStatus = grpcStatusOf(trailers)
    this.stream.end(trailers)
    this.#answerEnded = true
    // The other half of a tunnel goes on until it ends (RFC 9110 §9.3.6, RFC 6455 §7.1.1).
    if (this.tunnelOpenedAt === undefined || this.requestEnded) this.#complete()
  }

  /** Ends the exchange with an answer of our own that is no failure, and has no body. */
  answer(head: ResponseHead): void {
    if (this.#completed) return
    this.#respond(head, undefined)
    this.#complete()
  }

  /**
   * Ends the exchange with an answer of our own, or with a reset where an answer has begun.
   * @param answer what to say. Default: what is wrong.
   */
  fail(error: ExchangeError, answer?: LocalAnswer): void {
    if (this.#completed) return
    this.reason = error.code
    if (!this.headSent) this.#reply(error, answer)
    else if (this.isGrpc) this.stream.end(grpcTrailers(error))
    else this.stream.reset(error)
    this.#complete()
  }

  /** As {@link fail}, from a filter that is shown an answer which has not left yet. */
  refuseAnswer(error: ExchangeError): void {
    this.attempt?.cancel(error)
    this.status = 0
    this.grpcStatus = undefined
    this.fail(error)
  }

  #reply(error: ExchangeError, answer: LocalAnswer | undefined): void {
    const { head, body } =
      answer === undefined ? this.#render(error) : renderLocalAnswer(error, answer, this.isGrpc)
    if (this.isGrpc) this.grpcStatus = grpcStatusOf(head.headers)
    this.#respond(head, body)
  }

  #respond(head: ResponseHead, body: Buffer | undefined): void {
    this.status = head.status
    this.chain.response(this, head)
    if (this.#completed) return
    const bodyless = body === undefined || this.request.method === 'HEAD'
    this.stream.sendHead(head, bodyless)
    if (bodyless) return
    this.stream.write(body)
    this.stream.end()
  }

  #render(error: ExchangeError): LocalReply {
    if (this.isGrpc) return renderGrpcReply(error)
    return this.invokes ? renderInvokeReply(error) : renderLocalReply(error)
  }

  /** Neither the route's limit nor the outcome of a request have a meaning from here on. */
  #openTunnel(): void {
    if (this.#completed) return
    clearTimeout(this.timeout)
    this.tunnelOpenedAt = this.chain.now()
    this.#tunnels = this.cluster?.stats.tunnels
    if (this.#tunnels !== undefined) this.#tunnels.opened++
  }

  /** A codec may tell of a reset while it is handed the last of the answer. */
  #complete(): void {
    if (this.#completed) return
    this.#completed = true
    this.endedAt = this.chain.now()
    clearTimeout(this.timeout)
    clearTimeout(this.retryTimer)
    this.body?.release()
    if (this.mirrors !== undefined) for (const mirror of this.mirrors) mirror.originalEnded()
    this.chain.complete(this)
  }
}
