import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { abortSocket } from '../abort-socket.ts'
import { cork, uncork } from '../cork.ts'
import type { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { unknownLength, type RequestHead } from '../message.ts'
import { toExchangeError } from '../node-error.ts'
import type {
  ClientConnection,
  ClientConnectionEvents,
  ClientStream,
  ResponseReceiver,
} from '../stream.ts'
import { ChunkedReader, LengthReader, UntilCloseReader, type BodyReader } from './body-reader.ts'
import { Http1ClientStream, type ClientStreamOwner } from './client-stream.ts'
import { FieldParser, responseFaults } from './fields.ts'
import { HeadReader } from './head-reader.ts'
import { writeRequestHead, type OutgoingFraming } from './head-writer.ts'
import { IdleWatch } from './idle-watch.ts'
import { Output } from './output.ts'
import { parseResponse, type ParsedResponse } from './response-parser.ts'
import { addWebSocketKey, takeWebSocketAccept } from './websocket-key.ts'

export interface Http1ClientOptions {
  readonly limits: HttpLimits
  readonly events: ClientConnectionEvents
  readonly now: Now
  /** Idle this long, the connection is given up; less when the server says that it will close earlier. */
  readonly idleMs: number
  /** `address:port`, for messages. */
  readonly where: string
}

/** The client side of one HTTP/1.1 connection: one request at a time. */
export class Http1ClientConnection implements ClientConnection, ClientStreamOwner {
  readonly output: Output
  readonly #socket: Socket
  readonly #options: Http1ClientOptions
  readonly #heads: HeadReader
  readonly #fields: FieldParser
  readonly #watch: IdleWatch
  readonly multiplexed = false
  #stream: Http1ClientStream | undefined
  #response: ParsedResponse | undefined
  #body: BodyReader | undefined
  #tunnel = false
  #bodyEnded = false
  #trailers: HeaderList | undefined
  #served = 0
  #idleSince: number
  #idleMs: number
  #retired = false
  #failure: ExchangeError | undefined

  /** @param socket connected already, its bytes handed to {@link receive}. */
  constructor(socket: Socket, options: Http1ClientOptions) {
    this.#socket = socket
    this.#options = options
    this.output = new Output(socket)
    this.#heads = new HeadReader(options.limits, responseFaults)
    this.#fields = new FieldParser(options.limits, responseFaults)
    this.#idleSince = options.now()
    this.#idleMs = options.idleMs
    this.#watch = new IdleWatch(socket, this.#idleSince)
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    socket.on('error', error => {
      this.#failure ??= this.#failureOf(error)
    })
    socket.on('close', () => this.#onClose())
  }

  get capacity(): number {
    return this.#stream !== undefined || this.#retired || this.#socket.destroyed ? 0 : 1
  }

  get active(): number {
    return this.#stream === undefined ? 0 : 1
  }

  get served(): number {
    return this.#served
  }

  get closed(): boolean {
    return this.#socket.destroyed
  }

  isStale(now: number): boolean {
    return this.#stream === undefined && now - this.#idleSince >= this.#idleMs
  }

  request(head: RequestHead, receiver: ResponseReceiver, end: boolean): ClientStream {
    const upgrade = head.upgrade !== undefined
    const framing = framingOf(head, end)
    const stream = new Http1ClientStream(head, receiver, this)
    this.#stream = stream
    if (upgrade) stream.webSocketKey = addWebSocketKey(head)
    try {
      this.output.text(writeRequestHead(head, framing))
    } catch (error) {
      nextTick(() => this.#failBeforeSending(stream, error as ExchangeError))
      return stream
    }
    stream.start(framing, end || upgrade)
    return stream
  }

  drain(): void {
    this.#retire()
    if (this.#stream === undefined) this.#socket.destroy()
  }

  destroy(error?: ExchangeError): void {
    this.#failure ??= error
    this.#socket.destroy()
  }

  sweep(now: number): void {
    if (this.#stream === undefined) {
      if (now - this.#idleSince >= this.#idleMs) this.drain()
    } else if (this.#watch.idleFor(now) > this.#options.limits.idleTimeoutMs) {
      this.destroy(
        new ExchangeError('upstream_timeout', `${this.#options.where} was still too long`),
      )
    }
  }

  // The stream's side

  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }

  /** The request can't go on or nobody wants its answer: HTTP/1 has no other way than to close. */
  abandon(stream: Http1ClientStream, error: ExchangeError | undefined): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#retire()
    // In a tunnel FIN says that the client is done.
    if (this.#tunnel) abortSocket(this.#socket)
    else this.#socket.destroy()
    if (error !== undefined) stream.receiver.onReset(error)
  }

  endTunnel(): void {
    if (this.#tunnel) this.#socket.end()
  }

  // Reading

  /** Takes what the socket read; the chunk is lent for the call. */
  receive(chunk: Buffer): void {
    let at = 0
    cork()
    try {
      while (at < chunk.length) {
        const stream = this.#stream
        if (stream === undefined) return this.#onStrayBytes()
        stream.heard = true
        if (this.#tunnel) return stream.receiver.onBody(at === 0 ? chunk : chunk.subarray(at))
        at = this.#body === undefined ? this.#readHead(chunk, at) : this.#readBody(chunk, at)
      }
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error
      this.#breakOff(error)
    } finally {
      uncork()
    }
  }

  /** Faults A11: bytes that no request asked for must never answer the next one. */
  #onStrayBytes(): void {
    this.destroy(
      new ExchangeError('upstream_protocol', `${this.#options.where} sent bytes nobody asked for`),
    )
  }

  #readHead(chunk: Buffer, at: number): number {
    const text = this.#heads.read(at === 0 ? chunk : chunk.subarray(at))
    const next = at + this.#heads.consumed
    const stream = this.#stream
    if (text === undefined || stream === undefined) return next
    const response = parseResponse(text, stream.head.method, this.#fields)
    if (response.head.status === 101) this.#switch(stream, response)
    else if (response.head.status < 200) this.#inform(stream, response, text.length)
    else this.#begin(stream, response, next < chunk.length)
    return next
  }

  #inform(stream: Http1ClientStream, { head }: ParsedResponse, bytes: number): void {
    // They are passed on without back-pressure, so that an endless sequence would fill our memory.
    stream.informationalBytes += bytes
    if (stream.informationalBytes > this.#options.limits.maxHeadBytes)
      throw new ExchangeError('upstream_protocol', 'too many informational answers')
    stream.receiver.onInformational(head)
  }

  #switch(stream: Http1ClientStream, response: ParsedResponse): void {
    const { upgrade } = stream.head
    if (upgrade === undefined || response.upgrade !== upgrade)
      throw new ExchangeError('upstream_protocol', 'a 101 that was not asked for')
    if (stream.webSocketKey !== undefined)
      takeWebSocketAccept(response.head.headers, stream.webSocketKey)
    this.#tunnel = true
    // It is no longer one of the connections that requests share, and that a pool has so many of.
    this.#retire()
    stream.openTunnel()
    stream.receiver.onHead(response.head, false)
  }

  #begin(stream: Http1ClientStream, response: ParsedResponse, more: boolean): void {
    this.#response = response
    this.#learnKeepAlive(response)
    if (response.framing === 'none') {
      this.#bodyEnded = true
      if (more) this.#retire()
      this.#finish(stream, true)
      return
    }
    this.#body = this.#bodyReader(response)
    stream.receiver.onHead(response.head, false)
  }

  #bodyReader({ framing, head }: ParsedResponse): BodyReader {
    if (framing === 'chunked') return new ChunkedReader(this.#options.limits, responseFaults)
    return framing === 'length' ? new LengthReader(head.bodyLength) : new UntilCloseReader()
  }

  #readBody(chunk: Buffer, at: number): number {
    const stream = this.#stream
    const body = this.#body
    if (stream === undefined || body === undefined) return at
    const next = body.read(chunk, at, this)
    if (this.#bodyEnded && this.#stream === stream) {
      if (next < chunk.length) this.#retire()
      this.#finish(stream, false)
    }
    return next
  }

  onBody(chunk: Buffer): void {
    this.#stream?.receiver.onBody(chunk)
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#bodyEnded = true
    this.#trailers = trailers
  }

  /** The answer is complete. The connection is free before the receiver hears of it, which may want it next. */
  #finish(stream: Http1ClientStream, headOnly: boolean): void {
    const response = this.#response
    const trailers = this.#trailers
    const reusable = this.#isReusable(stream, response)
    this.#stream = undefined
    this.#response = undefined
    this.#body = undefined
    this.#bodyEnded = false
    this.#trailers = undefined
    this.#served++
    this.#idleSince = this.#options.now()
    stream.finish()
    // A receiver that paused at the end has no stream left to resume by.
    if (this.#socket.isPaused()) this.#socket.resume()
    if (reusable) this.#options.events.onCapacity(this)
    else {
      this.#retire()
      this.#socket.destroy()
    }
    if (headOnly && response !== undefined) stream.receiver.onHead(response.head, true)
    else stream.receiver.onEnd(trailers)
  }

  /** Faults A4 and B7: never after an unread request, nor after a wish to upgrade. */
  #isReusable(stream: Http1ClientStream, response: ParsedResponse | undefined): boolean {
    if (this.#retired || !stream.requestEnded || stream.head.upgrade !== undefined) return false
    return response?.keepAlive === true && this.#idleMs > 0
  }

  /** A second before the server does, so that no request meets a closing connection (faults E14). */
  #learnKeepAlive({ keepAliveSeconds }: ParsedResponse): void {
    if (keepAliveSeconds === undefined) return
    const patience = keepAliveSeconds >= 2 ? (keepAliveSeconds - 1) * 1000 : keepAliveSeconds * 500
    this.#idleMs = Math.min(this.#options.idleMs, patience)
  }

  // Ends

  #failBeforeSending(stream: Http1ClientStream, error: ExchangeError): void {
    if (stream !== this.#stream) return
    this.#stream = undefined
    this.#options.events.onCapacity(this)
    stream.receiver.onReset(error)
  }

  #breakOff(error: ExchangeError): void {
    const stream = this.#stream
    if (stream === undefined) return this.destroy(error)
    stream.finish()
    this.abandon(stream, error)
  }

  #onEnd(): void {
    const stream = this.#stream
    if (stream !== undefined && this.#tunnel) {
      this.#bodyEnded = true
      return stream.receiver.onEnd(undefined)
    }
    if (stream !== undefined && this.#body instanceof UntilCloseReader) {
      this.#bodyEnded = true
      this.#retire()
      return this.#finish(stream, false)
    }
    this.#failure ??= new ExchangeError(
      'upstream_closed',
      `${this.#options.where} closed the connection before its answer was complete`,
    )
    this.#socket.destroy()
  }

  #onClose(): void {
    const stream = this.#stream
    this.#stream = undefined
    this.#retire()
    const failure = stream === undefined || this.#isTunnelDone(stream) ? undefined : this.#lost()
    stream?.finish()
    if (failure !== undefined) stream?.receiver.onReset(failure)
    this.#options.events.onClosed(this, failure)
  }

  #isTunnelDone(stream: Http1ClientStream): boolean {
    return this.#tunnel && this.#bodyEnded && stream.requestEnded
  }

  #lost(): ExchangeError {
    const { where } = this.#options
    return (
      this.#failure ?? new ExchangeError('upstream_closed', `the connection to ${where} was closed`)
    )
  }

  /**
   * Only a reset before the first byte of an answer hints that nobody read the request. Nothing that happens to an
   * established connection proves it, as a failure to connect would.
   */
  #failureOf(error: Error): ExchangeError {
    const { code, message } = toExchangeError(error, 'upstream', this.#options.where)
    const unread = code === 'upstream_reset' && this.#stream?.heard !== true
    return new ExchangeError(unread ? code : 'upstream_closed', message, error)
  }

  #onDrain(): void {
    const stream = this.#stream
    if (stream?.requestEnded === false) stream.receiver.onWritable()
  }

  #retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#options.events.onRetired(this)
  }
}

function framingOf(head: RequestHead, end: boolean): OutgoingFraming {
  if (end || head.upgrade !== undefined) return 'none'
  return head.bodyLength === unknownLength ? 'chunked' : 'length'
}
