import type { ExchangeError, ErrorCode } from '../../base/errors.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { RequestHead, ResponseHead } from '../../http/message.ts'
import type { RequestReceiver, ServerStream } from '../../http/stream.ts'
import type { Attempt } from './attempt.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import type { Chain } from './filter.ts'
import type { Forwarding } from './forwarder.ts'
import { renderLocalReply } from '../local-reply.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import type { ActiveRoute } from '../routing/router.ts'

/**
 * One request on its way through this sidecar, seen from downstream: it owns the server's stream and whatever
 * outlives a single try. Tries are {@link Attempt}s, one at a time.
 */
export class Exchange implements RequestReceiver {
  readonly stream: ServerStream
  readonly request: RequestHead
  readonly chain: Chain
  readonly startedAt: number
  /** Set by the router. */
  route: ActiveRoute | undefined
  cluster: ActiveCluster | undefined
  attempt: Attempt | undefined
  /** Tries so far. */
  attempts = 0
  /** Set while it is with a cluster. */
  forwarding: Forwarding | undefined
  /** Monotonic ms, as all times here. */
  deadlineAt = Number.POSITIVE_INFINITY
  /** Set when it is over. */
  endedAt = Number.POSITIVE_INFINITY
  /** Status sent downstream, 0 before. */
  status = 0
  /** Why Weft answered or reset this exchange itself. */
  reason: ErrorCode | undefined
  requestBytes = 0
  responseBytes = 0
  /** The application's whole request is here: nothing more will come from downstream. */
  requestEnded: boolean
  timeout: NodeJS.Timeout | undefined
  retryTimer: NodeJS.Timeout | undefined
  /** Undefined for a request without a body. */
  readonly body: ReplayBuffer | undefined
  #completed = false

  constructor(stream: ServerStream, chain: Chain) {
    this.stream = stream
    this.request = stream.request
    this.chain = chain
    this.startedAt = chain.now()
    this.requestEnded = stream.request.bodyLength === 0 && stream.request.upgrade === undefined
    this.body = this.requestEnded ? undefined : new ReplayBuffer()
  }

  get headSent(): boolean {
    return this.status !== 0
  }

  /** Id of the endpoint that was tried last. */
  get lastEndpoint(): string | undefined {
    return this.attempt?.endpoint.endpoint.id
  }

  get completed(): boolean {
    return this.#completed
  }

  onBody(chunk: Buffer): void {
    this.requestBytes += chunk.length
    if (this.#completed || this.body === undefined) return
    const attempt = this.attempt
    const taken = attempt?.sending === true
    this.body.push(chunk, taken)
    if (taken ? !attempt?.write(chunk) : this.body.full) this.stream.pause()
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.requestEnded = true
    this.body?.end(trailers)
    if (this.attempt?.sending === true) this.attempt.endRequest(trailers)
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
    this.chain.response(this, head)
    this.stream.sendHead(head, end)
    if (end) this.#complete()
  }

  /** @returns false when downstream is slow: stop reading upstream until `onWritable`. */
  relayBody(chunk: Buffer): boolean {
    if (this.#completed) return true
    this.responseBytes += chunk.length
    return this.stream.write(chunk)
  }

  relayEnd(trailers: HeaderList | undefined): void {
    if (this.#completed) return
    this.stream.end(trailers)
    this.#complete()
  }

  /** Ends the exchange with an answer of our own, or with a reset where an answer has begun. */
  fail(error: ExchangeError): void {
    if (this.#completed) return
    this.reason = error.code
    if (this.headSent) this.stream.reset(error)
    else this.#reply(error)
    this.#complete()
  }

  #reply(error: ExchangeError): void {
    const { head, body } = renderLocalReply(error)
    this.status = head.status
    this.chain.response(this, head)
    const bodyless = this.request.method === 'HEAD'
    this.stream.sendHead(head, bodyless)
    if (bodyless) return
    this.stream.write(body)
    this.stream.end()
  }

  /** A codec may tell of a reset while it is handed the last of the answer. */
  #complete(): void {
    if (this.#completed) return
    this.#completed = true
    this.endedAt = this.chain.now()
    clearTimeout(this.timeout)
    clearTimeout(this.retryTimer)
    this.body?.release()
    this.chain.complete(this)
  }
}
