import type { Socket } from 'node:net'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { HttpLimits } from '../limits.ts'
import type { ResponseHead } from '../message.ts'
import type { ConnectionInfo, RequestHandler, ServerConnection } from '../stream.ts'
import { Http2Connection } from './connection.ts'
import { HeadFault } from './head/field-collector.ts'
import { RequestHeadReader } from './head/request-head.ts'
import { encodeResponseHead, responseHeadBound } from './head/response-head.ts'
import type { FieldBlock } from './hpack/field-block.ts'
import { defaultKeepAlive } from './liveness.ts'
import type { KeepAlive } from './liveness.ts'
import { ConnectionFault, errorCode, maxStreamId, settingId } from './protocol.ts'
import { Http2ServerStream } from './server-stream.ts'

const crossedGoaway = new HeadFault('draining', 'opened after the last GOAWAY')
const tooManyStreams = new HeadFault('overloaded', 'more streams than announced')

export interface Http2ServerOptions {
  readonly limits: HttpLimits
  readonly info: ConnectionInfo
  readonly onRequest: RequestHandler
  readonly now: Now
  readonly keepAlive?: KeepAlive
  /** From then on it takes no further streams, which its GOAWAY says in time. Default: never. */
  readonly maxAgeMs?: number | undefined
  readonly onClosed?: (connection: Http2ServerConnection) => void
  /** A request was refused before any handler saw it; its stream was reset. */
  readonly onRefused?: (error: ExchangeError) => void
}

/**
 * The server's side of an HTTP/2 connection. Takes a socket that speaks HTTP/2 from its next byte, the preface:
 * whoever read some of it already puts that back with `socket.unshift`.
 */
export class Http2ServerConnection
  extends Http2Connection<Http2ServerStream>
  implements ServerConnection
{
  readonly info: ConnectionInfo
  readonly #options: Http2ServerOptions
  readonly #reader: RequestHeadReader
  /** Monotonic ms. */
  readonly #endOfAge: number
  #lastStream = 0
  /** `announced`: GOAWAY with the highest id was sent; `final`: with the last one taken up. */
  #draining: 'no' | 'announced' | 'final' = 'no'

  constructor(socket: Socket, options: Http2ServerOptions) {
    super(socket, {
      limits: options.limits,
      now: options.now,
      keepAlive: options.keepAlive ?? defaultKeepAlive,
      peerSide: 'downstream',
      passesResetsOn: options.info.peerIdentity !== undefined,
      settings: [
        [settingId.maxConcurrentStreams, options.limits.maxConcurrentStreams],
        [settingId.enableConnectProtocol, 1],
      ],
    })
    this.info = options.info
    this.#options = options
    this.#endOfAge = options.now() + (options.maxAgeMs ?? Number.POSITIVE_INFINITY)
    this.#reader = new RequestHeadReader(options.limits, this.headerCase, this.peer)
  }

  get canDeclineUpgrade(): boolean {
    return this.peer.weftFields
  }

  override sweep(now: number): void {
    super.sweep(now)
    if (now >= this.#endOfAge) this.drain()
  }

  /** RFC 9113 §6.8: first a GOAWAY that refuses nothing, after a round trip the one that counts. */
  drain(): void {
    if (this.#draining !== 'no' || this.closed) return
    this.#draining = 'announced'
    this.writer.goaway(maxStreamId, errorCode.noError)
    this.writer.ping()
  }

  pingAck(): void {
    if (this.#draining !== 'announced') return
    this.#draining = 'final'
    this.writer.goaway(this.#lastStream, errorCode.noError)
    this.streamReleased()
  }

  headers(streamId: number, fields: FieldBlock, endStream: boolean): void {
    const open = this.streams.get(streamId)
    if (open !== undefined) return this.#trailers(open, fields, endStream)
    if (streamId % 2 === 0) throw new ConnectionFault(errorCode.protocolError, 'even stream id')
    if (streamId <= this.#lastStream) return this.lateHeaders(streamId)
    this.#lastStream = streamId
    if (this.#draining === 'final')
      return this.#refuse(streamId, errorCode.refusedStream, crossedGoaway)
    if (this.streams.size >= this.limits.maxConcurrentStreams)
      return this.#refuse(streamId, errorCode.refusedStream, tooManyStreams)
    const head = this.#reader.read(fields, endStream)
    if (head instanceof HeadFault) return this.#refuse(streamId, errorCode.protocolError, head)
    const stream = new Http2ServerStream(streamId, this, head, endStream)
    this.addStream(stream)
    this.#options.onRequest(stream)
    stream.begin()
  }

  /** No more streams will be opened by us in any case; the peer closes when it is done. */
  goaway(): void {}

  writeResponseHead(stream: Http2ServerStream, head: ResponseHead, end: boolean): number {
    const at = this.beginBlock(responseHeadBound(head))
    encodeResponseHead(this.encoder, head, {
      headerCase: this.sentCase,
      upgrade: stream.request.upgrade !== undefined,
    })
    return this.endBlock(at, stream.id, end)
  }

  protected get lastPeerStream(): number {
    return this.#lastStream
  }

  protected isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.#lastStream
  }

  protected resetByPeer(stream: Http2ServerStream, code: number): void {
    this.guard.resetByPeer()
    stream.abort(
      new ExchangeError('downstream_closed', `stream ${stream.id}: reset by peer (${code})`),
    )
  }

  protected get awaitsPeer(): boolean {
    return this.streams.size > 0 || this.#draining === 'announced'
  }

  protected streamReleased(): void {
    if (this.#draining === 'final' && this.streams.size === 0) this.finish()
  }

  protected settingsChanged(): void {}

  protected idle(): void {
    this.drain()
  }

  protected socketClosed(): void {
    this.#options.onClosed?.(this)
  }

  #trailers(stream: Http2ServerStream, fields: FieldBlock, endStream: boolean): void {
    this.trailersReceived(stream, this.#reader.trailers(fields), endStream)
  }

  #refuse(streamId: number, code: number, fault: HeadFault): void {
    this.guard.prematureReset()
    this.sendReset(streamId, code)
    this.#options.onRefused?.(new ExchangeError(fault.code, `stream ${streamId}: ${fault.message}`))
  }
}
