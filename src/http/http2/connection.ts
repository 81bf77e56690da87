import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { toExchangeError } from '../node-error.ts'
import { connectionWindowBytes, tableBytes, writePreface } from './connection-preface.ts'
import { FloodGuard } from './flood-guard.ts'
import { FrameDispatcher } from './frame-dispatcher.ts'
import type { FrameHandler } from './frame-dispatcher.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { encodeFields, fieldsBound, fixedFieldsBound } from './head/field-encoding.ts'
import { HeadFault } from './head/field-collector.ts'
import { HeaderCase } from './head/private-fields.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import type { FieldBlock } from './hpack/field-block.ts'
import { Liveness } from './liveness.ts'
import type { KeepAlive } from './liveness.ts'
import { Output } from './output.ts'
import { ConnectionFault, errorCode } from './protocol.ts'
import { RecentResets } from './recent-resets.ts'
import { SendScheduler } from './send-scheduler.ts'
import type { Setting } from './frame-writer.ts'
import { PeerSettings } from './settings.ts'
import { StreamTable } from './stream-table.ts'
import type { Http2Stream, StreamOwner } from './stream.ts'

/** Heads and answers that a peer who does not read may leave with us before it loses the connection. */
const maxUnreadBytes = 4 * 1024 * 1024

/** How long a connection that we ended waits for the peer to close its side. */
const lingerMs = 1000

interface ConnectionSetup {
  readonly limits: HttpLimits
  readonly now: Now
  readonly keepAlive: KeepAlive
  /** Who the peer is to us. */
  readonly peerSide: 'downstream' | 'upstream'
  /** As of the guard. Default false. */
  readonly passesResetsOn?: boolean | undefined
  /** SETTINGS of this side alone. */
  readonly settings: readonly Setting[]
}

/** What both sides of an HTTP/2 connection share (RFC 9113): frames, settings, windows, floods, the end. */
export abstract class Http2Connection<Stream extends Http2Stream>
  implements FrameHandler, StreamOwner
{
  readonly limits: HttpLimits
  readonly writer: FrameWriter
  readonly sender: SendScheduler
  protected readonly headerCase = new HeaderCase()
  protected readonly guard: FloodGuard
  protected readonly peer = new PeerSettings()
  protected readonly encoder = new HpackEncoder(tableBytes)
  protected readonly output: Output
  protected readonly streams = new StreamTable<Stream>()
  readonly #socket: Socket
  readonly #side: 'downstream' | 'upstream'
  readonly #reader: FrameReader
  readonly #frames: FrameDispatcher
  readonly #liveness: Liveness
  readonly #recentResets = new RecentResets()
  #state: 'open' | 'ending' | 'closed' = 'open'
  #error: ExchangeError | undefined
  /** The stream whose DATA frame is being read. */
  #dataStream: Http2Stream | undefined
  #receivedBytes = 0
  #discardedBytes = 0
  #stuckSince: number | undefined
  #endedAt: number | undefined

  constructor(socket: Socket, setup: ConnectionSetup) {
    const { limits } = setup
    this.limits = limits
    this.#socket = socket
    this.#side = setup.peerSide
    this.#liveness = new Liveness(setup.keepAlive, setup.now())
    const { passesResetsOn = false } = setup
    this.guard = new FloodGuard(setup.now, { passesResetsOn })
    this.output = new Output(socket)
    this.writer = new FrameWriter(this.output)
    this.sender = new SendScheduler(this.output, this.writer, this.peer)
    this.#frames = new FrameDispatcher(this, this.guard, { limits, tableBytes })
    const reading = {
      maxFrameBytes: limits.maxFrameBytes,
      maxGatheredBytes: limits.maxHeadBytes + 1024,
    }
    this.#reader = new FrameReader(this.#frames, reading, setup.peerSide === 'downstream')
    this.#listen()
    const side = setup.peerSide === 'upstream' ? 'client' : 'server'
    writePreface(this.writer, limits, side, setup.settings)
  }

  get active(): number {
    return this.streams.size
  }

  get closed(): boolean {
    return this.#state !== 'open'
  }

  /** The peer's SETTINGS came. */
  protected get greeted(): boolean {
    return this.#frames.greeted
  }

  get initialSendWindow(): number {
    return this.peer.initialWindowBytes
  }

  /** Ends the connection at once; streams in flight hear of it. */
  destroy(error?: ExchangeError): void {
    if (this.#state === 'closed') return
    this.#state = 'ending'
    this.#error ??= error
    this.#reader.stop()
    this.#socket.destroy()
    this.#abortStreams(this.#error ?? this.#lost('connection destroyed'))
  }

  sweep(now: number): void {
    if (this.#state !== 'open') return this.#sweepEnding(now)
    const verdict = this.#liveness.check(now, this.awaitsPeer)
    if (verdict === 'dead') return this.destroy(this.#lost('no answer to PING'))
    if (verdict === 'ping') this.writer.ping()
    if (this.#isStuck(now))
      return this.fail(new ConnectionFault(errorCode.enhanceYourCalm, 'no head in time'))
    if (this.streams.size === 0 && this.#liveness.silentMs(now) >= this.limits.idleTimeoutMs)
      this.idle()
    for (const stream of this.streams.values()) stream.sweep(now)
  }

  writeTrailers(streamId: number, trailers: HeaderList): void {
    const at = this.beginBlock(fixedFieldsBound + fieldsBound(trailers))
    encodeFields(this.encoder, trailers, undefined)
    this.endBlock(at, streamId, true)
  }

  sendReset(streamId: number, code: number): void {
    this.writer.rstStream(streamId, code)
    this.#recentResets.add(streamId)
  }

  countFault(): void {
    this.guard.prematureReset()
  }

  release(stream: Stream): void {
    this.sender.remove(stream)
    if (!this.streams.delete(stream)) return
    this.output.load = this.streams.size
    this.streamReleased()
  }

  abstract headers(streamId: number, fields: FieldBlock, endStream: boolean): void
  abstract goaway(lastStreamId: number, code: number): void
  abstract pingAck(): void
  /** No stream of that id was ever opened. */
  protected abstract isIdle(streamId: number): boolean
  /** The highest id of a peer's stream that we took up. */
  protected abstract readonly lastPeerStream: number
  /** Something is due from the peer, so that its silence is worth a PING. */
  protected abstract readonly awaitsPeer: boolean
  protected abstract streamReleased(): void
  protected abstract settingsChanged(): void
  protected abstract resetByPeer(stream: Stream, code: number): void
  /** Nothing happened for the limit's idle time. */
  protected abstract idle(): void
  /** The socket is gone. */
  protected abstract socketClosed(error: ExchangeError | undefined): void

  protected addStream(stream: Stream): void {
    this.streams.add(stream)
    this.output.load = this.streams.size
    this.guard.streamOpened()
  }

  /** Case of names travels only where the peer announced that it understands it. */
  protected get sentCase(): HeaderCase | undefined {
    return this.peer.weftFields ? this.headerCase : undefined
  }

  /** @returns where the block of at most `bound` bytes begins, for {@link endBlock}. */
  protected beginBlock(bound: number): number {
    const at = this.writer.beginHeaders(bound, this.peer.maxFrameBytes)
    this.encoder.begin(this.output.buffer, at)
    return at
  }

  /** @returns the frame's mark. */
  protected endBlock(start: number, streamId: number, endStream: boolean): number {
    const { maxFrameBytes } = this.peer
    const mark = this.writer.endHeaders(start, this.encoder.end(), {
      streamId,
      endStream,
      maxFrameBytes,
    })
    this.#checkUnread()
    return mark
  }

  /** A second header block on an open stream. */
  protected trailersReceived(
    stream: Http2Stream,
    trailers: HeaderList | HeadFault,
    endStream: boolean,
  ): void {
    if (stream.remoteEnded) stream.fault(errorCode.streamClosed, 'HEADERS after END_STREAM')
    else if (!endStream) stream.fault(errorCode.protocolError, 'trailers without END_STREAM')
    else if (trailers instanceof HeadFault) stream.fault(errorCode.protocolError, trailers.message)
    else stream.remoteEnd(trailers)
  }

  /** HEADERS for a stream that is over; only those that crossed our reset are innocent. */
  protected lateHeaders(streamId: number): void {
    if (!this.#recentResets.mayHave(streamId))
      throw new ConnectionFault(errorCode.streamClosed, `HEADERS for closed stream ${streamId}`)
    this.guard.late()
  }

  /** Connection error: GOAWAY, and the streams are lost. */
  protected fail(fault: ConnectionFault): void {
    if (this.#state !== 'open') return
    this.#error = new ExchangeError(
      this.#side === 'downstream' ? 'bad_request' : 'upstream_protocol',
      `HTTP/2 connection: ${fault.message}`,
      fault,
    )
    // RFC 9113 §3.4: what did not begin as HTTP/2 needs no GOAWAY.
    if (this.#side === 'upstream' && !this.greeted) return this.destroy()
    this.writer.goaway(this.lastPeerStream, fault.code)
    this.finish()
    this.#abortStreams(this.#error)
  }

  /** Sends what is gathered and closes our side; the peer has a moment to close its own. */
  protected finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#reader.stop()
    this.output.flush()
    this.#socket.end()
  }

  dataStart(streamId: number, length: number): void {
    this.#dataStream = undefined
    this.#receivedBytes += length
    if (this.#receivedBytes * 2 >= connectionWindowBytes) {
      this.writer.windowUpdate(0, this.#receivedBytes)
      this.#receivedBytes = 0
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) return this.#strayFrame(streamId)
    this.#dataStream = stream
    stream.dataStart(length)
  }

  dataChunk(chunk: Buffer): void {
    if (this.#dataStream?.closed === false) this.#dataStream.receive(chunk)
  }

  dataEnd(endStream: boolean): void {
    if (this.#dataStream?.closed === false) this.#dataStream.dataEnd(endStream)
    this.#dataStream = undefined
  }

  streamReset(streamId: number, code: number): void {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) return this.resetByPeer(stream, code)
    this.#mustNotBeIdle(streamId)
    this.guard.late()
  }

  selfDependency(streamId: number): void {
    const stream = this.streams.get(streamId)
    if (stream === undefined) this.#mustNotBeIdle(streamId)
    else stream.fault(errorCode.protocolError, 'depends on itself')
  }

  settings(bytes: Buffer, start: number, end: number): void {
    const windowBefore = this.peer.initialWindowBytes
    this.peer.apply(bytes, start, end)
    this.encoder.resize(this.peer.headerTableBytes)
    this.writer.settingsAck()
    this.#checkUnread()
    const growth = this.peer.initialWindowBytes - windowBefore
    if (growth !== 0) for (const stream of this.streams.values()) stream.growSendWindow(growth)
    this.settingsChanged()
  }

  ping(bytes: Buffer, start: number): void {
    this.writer.pingAck(bytes, start)
    this.#checkUnread()
  }

  windowUpdate(streamId: number, increment: number): void {
    this.guard.windowUpdate(this.writer.dataFrames)
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionFault(errorCode.protocolError, 'empty WINDOW_UPDATE')
      return this.sender.grow(increment)
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) return this.#mustNotBeIdle(streamId)
    if (increment === 0) stream.fault(errorCode.protocolError, 'empty WINDOW_UPDATE')
    else stream.growSendWindow(increment)
  }

  /** DATA for a stream that is not open; a cancelled download may have a whole window under way. */
  #strayFrame(streamId: number): void {
    this.#mustNotBeIdle(streamId)
    if (this.#recentResets.mayHave(streamId)) return
    this.guard.late()
    this.sendReset(streamId, errorCode.streamClosed)
  }

  #mustNotBeIdle(streamId: number): void {
    if (this.isIdle(streamId))
      throw new ConnectionFault(errorCode.protocolError, `frame for idle stream ${streamId}`)
  }

  #checkUnread(): void {
    if (this.output.pendingBytes <= maxUnreadBytes) return
    // Later, because whoever writes a head must not be told of its stream's end within the call.
    nextTick(() => this.fail(new ConnectionFault(errorCode.enhanceYourCalm, 'peer does not read')))
  }

  #listen(): void {
    const socket = this.#socket
    // Writes are gathered here; the kernel holding them back once more would only delay.
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('drain', () => {
      this.output.blocked = false
      this.sender.pump()
    })
    socket.on('error', error => {
      // Once greeted, the peer may have seen requests: none of the codes that say otherwise will do.
      this.#error ??= this.greeted
        ? this.#lost(error.message, error)
        : toExchangeError(error, this.#side, 'HTTP/2 connection')
    })
    socket.on('end', () => this.#peerEnded())
    socket.on('close', () => this.#closed())
  }

  /** Takes what was read from the socket by another way than its 'data' events. The chunk is only lent. */
  receive(chunk: Buffer): void {
    this.#liveness.noteRead()
    if (this.#state !== 'open') return this.#discard(chunk)
    try {
      this.#reader.read(chunk)
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error
      this.fail(error)
    }
  }

  /** Reading on lets the peer see our GOAWAY before a reset of the socket. */
  #discard(chunk: Buffer): void {
    this.#discardedBytes += chunk.length
    if (this.#discardedBytes > this.limits.maxDrainBytes) this.#socket.destroy()
  }

  #peerEnded(): void {
    this.finish()
    this.#abortStreams(this.#error ?? this.#lost('connection closed by the peer'))
    this.#socket.destroySoon()
  }

  #closed(): void {
    this.#state = 'closed'
    this.#abortStreams(this.#error ?? this.#lost('connection closed'))
    this.socketClosed(this.#error)
  }

  #abortStreams(error: ExchangeError): void {
    for (const stream of this.streams.values()) stream.abort(error)
  }

  #lost(message: string, cause?: unknown): ExchangeError {
    const code = this.#side === 'downstream' ? 'downstream_closed' : 'upstream_reset'
    return new ExchangeError(code, `HTTP/2 connection: ${message}`, cause)
  }

  #sweepEnding(now: number): void {
    this.#endedAt ??= now
    if (now - this.#endedAt >= lingerMs) this.#socket.destroy()
  }

  /** The peer owes us its SETTINGS, or the rest of a header block, for too long. */
  #isStuck(now: number): boolean {
    if (this.#frames.greeted && !this.#frames.blockOpen) this.#stuckSince = undefined
    else this.#stuckSince ??= now
    return this.#stuckSince !== undefined && now - this.#stuckSince >= this.limits.headerTimeoutMs
  }
}
