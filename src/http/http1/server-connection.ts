import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { cork, uncork } from '../cork.ts'
import type { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { unknownLength, type ResponseHead } from '../message.ts'
import { keep } from '../read-buffer.ts'
import type { ConnectionInfo, RequestHandler, ServerConnection } from '../stream.ts'
import {
  ChunkedReader,
  LengthReader,
  UntilCloseReader,
  type BodyReader,
  type BodySink,
} from './body-reader.ts'
import { FieldParser, requestFaults } from './fields.ts'
import { HeadReader } from './head-reader.ts'
import { writeResponseHead } from './head-writer.ts'
import { IdleWatch } from './idle-watch.ts'
import { Output } from './output.ts'
import { parseRequest, type ParsedRequest } from './request-parser.ts'
import { Http1ServerStream, type StreamOwner } from './server-stream.ts'

export interface Http1ServerOptions {
  readonly limits: HttpLimits
  readonly info: ConnectionInfo
  readonly onRequest: RequestHandler
  /** Writes the answer to a request that the codec refuses: error answers have one author. */
  readonly renderError: (error: ExchangeError) => { head: ResponseHead; body: Buffer }
  /** Told of each request that was refused before a handler saw it, for counting. */
  readonly onRefused?: (error: ExchangeError) => void
  readonly now: Now
}

const headRequest = 'HEAD '

/** Behind the current request so much is read before it is answered: who reads on hears that the client has gone. */
const maxHeldBytes = 16 * 1024

/** How long a closed connection is read on, so that our last answer is not lost to a reset. */
const lingerMs = 2000

/**
 * The server side of one HTTP/1 connection. One exchange at a time: what the client pipelines waits, bounded by
 * {@link maxHeldBytes} and one read.
 */
export class Http1ServerConnection implements ServerConnection, StreamOwner, BodySink {
  readonly output: Output
  readonly #socket: Socket
  readonly #options: Http1ServerOptions
  readonly #heads: HeadReader
  readonly #fields: FieldParser
  readonly #watch: IdleWatch
  #stream: Http1ServerStream | undefined
  #body: BodyReader | undefined
  /** Bytes behind the current request. */
  #held: Buffer | undefined
  #consuming = false
  #paused = false
  #draining = false
  #remoteEnded = false
  /** Nothing that comes is looked at any more; the time counts anew while our last answer still leaves. */
  #lingeringSince: number | undefined
  /** Bytes of it that had not left at the last sweep. */
  #unsent = 0
  /** Bytes of a request body that nobody wants any more. */
  #discarded = 0
  /** The request whose head was refused is a HEAD: its answer has no body. */
  #refusedHead = false

  constructor(socket: Socket, options: Http1ServerOptions) {
    this.#socket = socket
    this.#options = options
    this.output = new Output(socket)
    this.#heads = new HeadReader(options.limits, requestFaults)
    this.#fields = new FieldParser(options.limits, requestFaults)
    this.#watch = new IdleWatch(socket, options.now())
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    // What the error was is of no use: 'close' follows and ends the exchange.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  get active(): number {
    return this.#stream === undefined ? 0 : 1
  }

  get info(): ConnectionInfo {
    return this.#options.info
  }

  drain(): void {
    this.#draining = true
    if (this.#stream === undefined && !this.#heads.started) this.#closeGently()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  sweep(now: number): void {
    const { headerTimeoutMs, idleTimeoutMs, tunnelIdleTimeoutMs } = this.#options.limits
    if (this.#lingeringSince !== undefined) return this.#sweepLingering(this.#lingeringSince, now)
    const readsHead = this.#stream === undefined && (this.#heads.started || this.#watch.fresh)
    if (readsHead) {
      if (this.#watch.headAge(now) <= headerTimeoutMs) return
      if (this.#heads.started)
        this.#refuse(new ExchangeError('request_timeout', 'the head did not come in time'))
      else this.#socket.destroy()
    } else {
      const patienceMs = this.#stream?.tunnel === true ? tunnelIdleTimeoutMs : idleTimeoutMs
      if (this.#watch.idleFor(now) > patienceMs) this.#onIdle()
    }
  }

  /** A slow reader gets the rest of its answer as long as it takes some of it now and then. */
  #sweepLingering(since: number, now: number): void {
    const unsent = this.#socket.writableLength
    const patienceMs = unsent > 0 ? this.#options.limits.idleTimeoutMs : lingerMs
    if (unsent !== this.#unsent) {
      this.#unsent = unsent
      this.#lingeringSince = now
    } else if (now - since > patienceMs) this.#socket.destroy()
  }

  // Reading

  /** Takes what the socket read, also by another way than its 'data' events. The chunk is only lent. */
  receive(chunk: Buffer): void {
    if (this.#lingeringSince !== undefined) return
    this.#held = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk])
    cork()
    try {
      this.#consume()
    } finally {
      uncork()
      if (this.#held !== undefined) this.#held = keep(this.#held)
    }
  }

  /** Works off what came, as far as the exchange in flight allows. */
  #consume(): void {
    // An answer may end within the handler, which must not start over from inside the loop.
    if (this.#consuming) return
    this.#consuming = true
    try {
      while (this.#held !== undefined && this.#mayRead()) {
        const bytes: Buffer = this.#held
        this.#held = undefined
        const end = this.#body === undefined ? this.#readHead(bytes) : this.#readBody(bytes)
        if (end < bytes.length) this.#held = bytes.subarray(end)
      }
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error
      this.#refuse(error)
    } finally {
      this.#consuming = false
    }
    if (this.#remoteEnded) this.#finishInput()
    this.#updateFlow()
  }

  #mayRead(): boolean {
    if (this.#lingeringSince !== undefined) return false
    if (this.#body !== undefined) return true
    // Answers that nobody reads must not pile up: no further request until they have left.
    return this.#stream === undefined && !this.#socket.writableNeedDrain
  }

  #readHead(bytes: Buffer): number {
    const text = this.#heads.read(bytes)
    if (text !== undefined) this.#begin(this.#parse(text))
    return this.#heads.consumed
  }

  #parse(text: string): ParsedRequest {
    try {
      return parseRequest(text, this.#fields)
    } catch (error) {
      this.#refusedHead = text.startsWith(headRequest)
      throw error
    }
  }

  #begin(parsed: ParsedRequest): void {
    const { bodyLength } = parsed.head
    this.#watch.headDone()
    if (bodyLength === unknownLength)
      this.#body = new ChunkedReader(this.#options.limits, requestFaults)
    else if (bodyLength > 0) this.#body = new LengthReader(bodyLength)
    const stream = new Http1ServerStream(parsed, this)
    this.#stream = stream
    this.#discarded = 0
    this.#options.onRequest(stream)
  }

  #readBody(bytes: Buffer): number {
    const body = this.#body
    if (body === undefined) return 0
    const end = body.read(bytes, 0, this)
    if (body.done) {
      this.#body = undefined
      if (this.#stream?.answered === true) this.#next()
    }
    return end
  }

  onBody(chunk: Buffer): void {
    const stream = this.#stream
    if (stream === undefined) return
    if (!stream.answered || stream.tunnel) return stream.receiver.onBody(chunk)
    // Faults A4: what was not read before an early answer must not be taken for the next request.
    this.#discarded += chunk.length
    if (this.#discarded > this.#options.limits.maxDrainBytes) this.#closeGently()
  }

  onEnd(trailers: HeaderList | undefined): void {
    const stream = this.#stream
    if (stream === undefined) return
    stream.requestDone = true
    if (!stream.answered || stream.tunnel) stream.receiver.onEnd(trailers)
  }

  // The stream's side

  mayKeepAlive(stream: Http1ServerStream): boolean {
    if (!stream.keepAlive || this.#draining) return false
    if (stream.requestDone) return true
    // The client may or may not send a body that it was not told to send: only closing is unambiguous.
    if (stream.awaitsContinue) return false
    const remaining = this.#body?.remaining ?? 0
    return remaining <= this.#options.limits.maxDrainBytes || remaining === Number.POSITIVE_INFINITY
  }

  pauseReading(): void {
    this.#paused = true
    this.#updateFlow()
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#updateFlow()
  }

  onAnswered(stream: Http1ServerStream): void {
    if (stream.tunnel) return void this.#socket.end()
    this.#paused = false
    if (stream.closesAfter) return this.#closeGently()
    if (this.#body === undefined) this.#next()
    else this.#updateFlow()
  }

  onTunnel(): void {
    this.#body = new UntilCloseReader()
    // RFC 9110 §7.8: what came behind the request belongs to the new protocol, after the 101.
    queueMicrotask(() => this.#consume())
  }

  onBroken(stream: Http1ServerStream, error: ExchangeError): void {
    if (stream !== this.#stream) return
    if (stream.headSent) this.#cutOff()
    else this.#answerError(error)
  }

  #next(): void {
    this.#stream?.detach()
    this.#stream = undefined
    if (this.#draining) return this.#closeGently()
    this.#consume()
  }

  // Ends

  /** The peer sent what no server may take: tells it why, and closes. */
  #refuse(error: ExchangeError): void {
    if (this.#stream !== undefined) return this.#giveUp(this.#stream, error)
    this.#options.onRefused?.(error)
    this.#answerError(error)
  }

  #giveUp(stream: Http1ServerStream, error: ExchangeError): void {
    // Only the body was left, which nobody wanted.
    if (stream.over) return this.#closeGently()
    if (stream.headSent) this.#cutOff()
    else this.#answerError(error)
    stream.receiver.onReset(error)
  }

  #answerError(error: ExchangeError): void {
    const { head, body } = this.#options.renderError(error)
    const bodyless = this.#isForHead()
    const line = { framing: 'length', connection: 'close', upgrade: undefined, bodyless } as const
    this.output.text(writeResponseHead(head, line))
    if (!bodyless) this.output.chunk(body)
    this.#closeGently()
  }

  #isForHead(): boolean {
    if (this.#stream !== undefined) return this.#stream.request.method === 'HEAD'
    return this.#refusedHead || this.#heads.startsWith(headRequest)
  }

  /** Sends what is written and FIN, then reads on for a while (RFC 9112 §9.6). */
  #closeGently(): void {
    if (this.#lingeringSince !== undefined) return
    this.#stopReading()
    this.output.flush()
    this.#socket.end()
    this.#socket.resume()
  }

  /** Ends in the middle of an answer. */
  #cutOff(): void {
    const unmarked = this.#stream?.endsWithConnection === true
    this.#stopReading()
    // A FIN would pass for the end of the answer; TLS has a mark of its own for that, which destroy() leaves out.
    if (unmarked && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  #stopReading(): void {
    this.#lingeringSince ??= this.#options.now()
    this.#stream?.detach()
    this.#stream = undefined
    this.#held = undefined
    this.#body = undefined
  }

  #onDrain(): void {
    const stream = this.#stream
    if (stream === undefined) this.#consume()
    else if (!stream.answered) stream.receiver.onWritable()
  }

  #onIdle(): void {
    const stream = this.#stream
    if (stream === undefined) return void this.#socket.destroy()
    const owesBody = !stream.requestDone && !this.#paused
    const clientStalls = owesBody || this.#socket.writableLength > 0
    const code = clientStalls ? 'request_timeout' : 'upstream_timeout'
    this.#giveUp(stream, new ExchangeError(code, 'no byte moved for too long'))
  }

  #onEnd(): void {
    this.#remoteEnded = true
    this.#finishInput()
  }

  /** The client is done sending. It may still read the answers to what it asked. */
  #finishInput(): void {
    if (this.#lingeringSince !== undefined || this.#held !== undefined) return
    const stream = this.#stream
    if (stream === undefined) {
      if (!this.#heads.started) return this.#closeGently()
      this.#refuse(new ExchangeError('bad_request', 'the connection ended within a head'))
    } else if (stream.tunnel && !stream.requestDone) this.onEnd(undefined)
    else if (!stream.requestDone)
      this.#refuse(new ExchangeError('bad_request', 'the connection ended within a body'))
  }

  #onClose(): void {
    const stream = this.#stream
    const broken = stream?.over === false
    this.#stopReading()
    if (!broken) return
    stream.receiver.onReset(
      new ExchangeError('downstream_closed', 'the client closed the connection'),
    )
  }

  #updateFlow(): void {
    const heldBytes = this.#held?.length ?? 0
    const wait = this.#lingeringSince === undefined && (this.#paused || heldBytes > maxHeldBytes)
    if (wait === this.#socket.isPaused()) return
    if (wait) this.#socket.pause()
    else this.#socket.resume()
  }
}
