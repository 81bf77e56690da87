import { nextTick } from 'node:process'
import type { Socket } from 'node:net'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { HttpLimits } from '../limits.ts'
import { asksForTunnel, type RequestHead } from '../message.ts'
import type {
  ClientConnection,
  ClientConnectionEvents,
  ClientStream,
  ResponseReceiver,
} from '../stream.ts'
import { Http2ClientStream } from './client-stream.ts'
import { Http2Connection } from './connection.ts'
import { HeadFault } from './head/field-collector.ts'
import { encodeRequestHead, requestHeadBound } from './head/request-head.ts'
import { ResponseHeadReader } from './head/response-head.ts'
import type { FieldBlock } from './hpack/field-block.ts'
import { defaultKeepAlive } from './liveness.ts'
import type { KeepAlive } from './liveness.ts'
import { ConnectionFault, errorCode, maxStreamId, settingId } from './protocol.ts'
import { TokenBucket } from './token-bucket.ts'

export interface Http2ClientOptions {
  readonly limits: HttpLimits
  readonly events: ClientConnectionEvents
  readonly now: Now
  readonly keepAlive?: KeepAlive
  /** The peer is a sidecar, which has proven so: any number of streams may be cancelled. Default false. */
  readonly passesResetsOn?: boolean | undefined
}

/**
 * A server that guards itself against rapid resets ends the connection, and all its streams, after 1000 at once or 33
 * a second (nghttp2_option_set_stream_reset_rate_limit's default, as Node, Apache and others have it). Ours takes no
 * new streams before.
 */
const resets = { burst: 500, perSecond: 30 }

/**
 * The client's side of an HTTP/2 connection over a connected socket. `capacity` is 0 until the peer's SETTINGS
 * came, because they say whether upgrades and the case of names can be carried; `onCapacity` tells.
 * After that `onCapacity` is called only when `capacity` was 0 and is not any more.
 */
export class Http2ClientConnection
  extends Http2Connection<Http2ClientStream>
  implements ClientConnection
{
  readonly multiplexed = true
  readonly #events: ClientConnectionEvents
  readonly #reader: ResponseHeadReader
  #nextStream = 1
  #served = 0
  #retired = false
  /** Undefined: the peer does not count. */
  readonly #resets: TokenBucket | undefined
  /** Last capacity told. */
  #hadCapacity = false

  constructor(socket: Socket, options: Http2ClientOptions) {
    super(socket, {
      limits: options.limits,
      now: options.now,
      keepAlive: options.keepAlive ?? defaultKeepAlive,
      peerSide: 'upstream',
      passesResetsOn: options.passesResetsOn,
      settings: [[settingId.enablePush, 0]],
    })
    this.#events = options.events
    this.#reader = new ResponseHeadReader(options.limits, this.headerCase, this.peer)
    if (options.passesResetsOn !== true)
      this.#resets = new TokenBucket(resets.burst, resets.perSecond, options.now)
  }

  /** Whether the peer is there is asked by PING. */
  isStale(): boolean {
    return false
  }

  get capacity(): number {
    if (this.#retired || this.closed || !this.greeted) return 0
    const most = Math.min(this.peer.maxConcurrentStreams, this.limits.maxConcurrentStreams)
    return Math.max(0, most - this.active)
  }

  get served(): number {
    return this.#served
  }

  request(head: RequestHead, receiver: ResponseReceiver, end: boolean): ClientStream {
    if (this.capacity === 0)
      return this.#refused(head, receiver, new ExchangeError('upstream_refused', 'no capacity'))
    if (head.upgrade !== undefined && !this.peer.enableConnectProtocol) {
      const error = new ExchangeError('upstream_protocol', 'peer takes no extended CONNECT')
      return this.#refused(head, receiver, error)
    }
    const stream = new Http2ClientStream(this.#nextStream, this, head, receiver)
    this.#nextStream += 2
    this.addStream(stream)
    this.#hadCapacity = this.capacity > 0
    const at = this.beginBlock(requestHeadBound(head))
    encodeRequestHead(this.encoder, head, this.sentCase)
    // What asks for a tunnel stays open for it.
    const endStream = end && !asksForTunnel(head)
    stream.begin(this.endBlock(at, stream.id, endStream), endStream)
    if (this.#nextStream > maxStreamId) this.#retire()
    return stream
  }

  drain(): void {
    this.#retire()
    this.#finishIfDone()
  }

  override sendReset(streamId: number, code: number): void {
    super.sendReset(streamId, code)
    if (this.#resets?.take(1) === false) this.#retire()
  }

  headers(streamId: number, fields: FieldBlock, endStream: boolean): void {
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.isIdle(streamId))
        throw new ConnectionFault(errorCode.protocolError, `HEADERS for idle stream ${streamId}`)
      return this.lateHeaders(streamId)
    }
    if (stream.answered)
      return this.trailersReceived(stream, this.#reader.trailers(fields), endStream)
    const head = this.#reader.read(fields, endStream, stream.asked)
    if (head instanceof HeadFault) stream.fault(errorCode.protocolError, head.message)
    else stream.receiveHead(head, endStream)
  }

  /** RFC 9113 §6.8: streams above `lastStreamId` were not processed and may be tried elsewhere. */
  goaway(lastStreamId: number, code: number): void {
    this.#retire()
    for (const stream of this.streams.values())
      if (stream.id > lastStreamId)
        stream.abort(new ExchangeError('upstream_refused', `stream ${stream.id}: GOAWAY (${code})`))
    this.#finishIfDone()
  }

  pingAck(): void {}

  protected get lastPeerStream(): number {
    return 0
  }

  protected isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextStream
  }

  protected resetByPeer(stream: Http2ClientStream, code: number): void {
    stream.resetByPeer(code)
  }

  protected get awaitsPeer(): boolean {
    return this.streams.size > 0
  }

  protected streamReleased(): void {
    this.#served++
    if (this.#retired) this.#finishIfDone()
    else this.#tellCapacity()
  }

  protected settingsChanged(): void {
    this.#tellCapacity()
  }

  protected idle(): void {
    this.drain()
  }

  protected socketClosed(error: ExchangeError | undefined): void {
    this.#retire()
    this.#events.onClosed(this, error)
  }

  #tellCapacity(): void {
    const before = this.#hadCapacity
    this.#hadCapacity = this.capacity > 0
    if (!before && this.#hadCapacity) this.#events.onCapacity(this)
  }

  #retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#events.onRetired(this)
  }

  #finishIfDone(): void {
    if (this.active > 0 || this.closed) return
    this.writer.goaway(0, errorCode.noError)
    this.finish()
  }

  /** A stream that never was: the receiver hears of it once the caller has it. */
  #refused(head: RequestHead, receiver: ResponseReceiver, error: ExchangeError): ClientStream {
    const stream = new Http2ClientStream(0, this, head, receiver)
    nextTick(() => stream.abort(error))
    return stream
  }
}
