import { ExchangeError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { unknownLength } from '../message.ts'
import type { RequestReceiver } from '../stream.ts'
import { BodyQueue } from './body-queue.ts'
import type { FrameWriter } from './frame-writer.ts'
import { defaultWindowBytes, errorCode, maxWindowBytes } from './protocol.ts'
import type { SendScheduler } from './send-scheduler.ts'

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly limits: HttpLimits
  readonly writer: FrameWriter
  readonly sender: SendScheduler
  /** The peer's initial window for new streams. */
  readonly initialSendWindow: number
  writeTrailers(streamId: number, trailers: HeaderList): void
  /** Sends RST_STREAM and ignores what the peer sent before it learned of that. */
  sendReset(streamId: number, code: number): void
  /** The peer made us reset a stream: counts against it like a reset of its own. */
  countFault(): void
  /** The stream is over. */
  release(stream: Http2Stream): void
}

const empty = Buffer.alloc(0)

/** Both halves of a stream's body: windows, queue, content-length, half-closing. Heads belong to the subclasses. */
export abstract class Http2Stream {
  readonly id: number
  protected readonly owner: StreamOwner
  /** What a fault of the peer is called on this side. */
  protected abstract readonly faultCode: ErrorCode
  /** What a body that breaks its own `content-length` is called. */
  protected abstract readonly outgoingFaultCode: ErrorCode
  protected abstract readonly idleCode: ErrorCode
  abstract receiver: RequestReceiver
  sendWindow: number
  /** Over in both directions; nothing is delivered or sent any more. */
  closed = false
  remoteEnded = false
  /** Both halves carry raw bytes and end on their own. */
  protected tunnel = false
  protected localEnded = false
  /** DATA bytes that `content-length` still promises, or {@link unknownLength}. */
  protected incomingLeft = unknownLength
  protected outgoingLeft = unknownLength
  /** Position of the last frame's flags, while END_STREAM may still be added to it. */
  protected mark = -1
  /** The head said that no body follows, so its end is not told. */
  protected silentEnd = false
  /** Most streams never need one. */
  #queue: BodyQueue | undefined
  #full = false
  #ending = false
  #trailers: HeaderList | undefined
  #paused = false
  #receiveWindow: number
  /** Received bytes that the peer has not been given back. */
  #unreturned = 0
  #moved = true
  #movedAt = 0

  constructor(id: number, owner: StreamOwner) {
    this.id = id
    this.owner = owner
    this.sendWindow = owner.initialSendWindow
    // Until it has seen our SETTINGS the peer may use the protocol's initial window.
    this.#receiveWindow = Math.max(owner.limits.streamWindowBytes, defaultWindowBytes)
  }

  get sendable(): boolean {
    return this.#queuedBytes > 0 && this.sendWindow > 0
  }

  write(chunk: Buffer): boolean {
    if (this.#ending || this.closed || chunk.length === 0) return true
    if (this.outgoingLeft !== unknownLength) {
      this.outgoingLeft -= chunk.length
      if (this.outgoingLeft < 0) return this.#failOutgoing('longer')
    }
    this.#moved = true
    if (this.#queuedBytes === 0) {
      const mark = this.owner.sender.trySend(this, chunk)
      if (mark !== undefined) {
        this.mark = mark
        return true
      }
    }
    return this.#enqueue(chunk)
  }

  end(trailers?: HeaderList): void {
    if (this.#ending || this.closed) return
    if (this.outgoingLeft > 0) {
      this.#failOutgoing('shorter')
      return
    }
    this.#ending = true
    this.#trailers = trailers
    if (this.#queuedBytes === 0) this.#finish()
  }

  /** For the scheduler: sends up to `most` queued bytes as one frame. @returns how many. */
  sendQueued(most: number): number {
    const payload = this.#queue?.take(Math.min(most, this.sendWindow)) ?? empty
    this.sendWindow -= payload.length
    this.#moved = true
    this.mark = this.owner.writer.data(this.id, payload, false)
    if (this.#full && this.#queuedBytes * 2 <= this.owner.limits.highWaterBytes) {
      this.#full = false
      this.receiver.onWritable()
    }
    const due = this.#ending && !this.localEnded && !this.closed
    if (due && this.#queuedBytes === 0) this.#finish()
    return payload.length
  }

  /** Takes a WINDOW_UPDATE or a change of the peer's initial window. */
  growSendWindow(increment: number): void {
    this.sendWindow += increment
    if (this.sendWindow > maxWindowBytes)
      return this.fault(errorCode.flowControlError, 'stream window overflow')
    if (this.sendable) this.owner.sender.add(this)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#returnWindow()
  }

  /** A DATA frame of `length` bytes, padding included, begins. */
  dataStart(length: number): void {
    if (this.remoteEnded) return this.fault(errorCode.streamClosed, 'DATA after END_STREAM')
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0)
      return this.fault(errorCode.flowControlError, 'DATA beyond the window')
    this.#unreturned += length
    this.#moved = true
  }

  receive(chunk: Buffer): void {
    if (this.incomingLeft !== unknownLength) {
      this.incomingLeft -= chunk.length
      if (this.incomingLeft < 0)
        return this.fault(errorCode.protocolError, 'more DATA than content-length')
    }
    this.receiver.onBody(chunk)
  }

  dataEnd(endStream: boolean): void {
    if (endStream) this.remoteEnd(undefined)
    else this.#returnWindow()
  }

  /** END_STREAM, behind DATA or trailers. */
  remoteEnd(trailers: HeaderList | undefined): void {
    if (this.incomingLeft > 0)
      return this.fault(errorCode.protocolError, 'less DATA than content-length')
    this.remoteEnded = true
    if (!this.silentEnd) this.receiver.onEnd(trailers)
    this.releaseIfOver()
  }

  /** The peer misbehaved on this stream, which costs it the stream. */
  fault(code: number, message: string): void {
    if (this.closed) return
    this.owner.countFault()
    this.resetBoth(code, new ExchangeError(this.faultCode, `stream ${this.id}: ${message}`))
  }

  /** Ends without a word to the peer: RST_STREAM came, or the connection is gone. */
  abort(error: ExchangeError): void {
    if (this.closed) return
    this.close()
    this.receiver.onReset(error)
  }

  /** Resets when no byte moved for too long. Called about once a second. */
  sweep(now: number): void {
    const { idleTimeoutMs, tunnelIdleTimeoutMs } = this.owner.limits
    const idleMs = this.tunnel ? tunnelIdleTimeoutMs : idleTimeoutMs
    if (this.#moved) {
      this.#moved = false
      this.#movedAt = now
    } else if (now - this.#movedAt >= idleMs) {
      const error = new ExchangeError(this.idleCode, `stream ${this.id}: idle for ${idleMs} ms`)
      this.resetBoth(errorCode.cancel, error)
    }
  }

  protected resetWith(code: number): void {
    if (this.closed) return
    this.owner.sendReset(this.id, code)
    this.close()
  }

  protected close(): void {
    this.closed = true
    this.#queue?.discard()
    this.#queue = undefined
    this.owner.release(this)
  }

  protected releaseIfOver(): void {
    if (this.localEnded && this.remoteEnded && !this.closed) this.close()
  }

  #finish(): void {
    if (this.#trailers !== undefined && this.#trailers.length > 0)
      this.owner.writeTrailers(this.id, this.#trailers)
    else if (!this.owner.writer.endStreamAt(this.mark)) this.owner.writer.data(this.id, empty, true)
    this.localEnd()
  }

  /** END_STREAM was sent. */
  protected localEnd(): void {
    this.#ending = true
    this.localEnded = true
    this.releaseIfOver()
  }

  get #queuedBytes(): number {
    return this.#queue?.bytes ?? 0
  }

  #enqueue(chunk: Buffer): boolean {
    this.#queue ??= new BodyQueue()
    this.#queue.push(chunk)
    if (this.sendWindow > 0) this.owner.sender.add(this)
    if (this.#queuedBytes > this.owner.limits.highWaterBytes) this.#full = true
    return !this.#full
  }

  /** Gives the window back once half of it is due, unless no more than the rest can come. */
  #returnWindow(): void {
    if (this.#paused || this.remoteEnded || this.closed) return
    if (this.#unreturned * 2 < this.owner.limits.streamWindowBytes) return
    if (this.incomingLeft !== unknownLength && this.incomingLeft <= this.#receiveWindow) return
    this.owner.writer.windowUpdate(this.id, this.#unreturned)
    this.#receiveWindow += this.#unreturned
    this.#unreturned = 0
  }

  /** Our own application broke its `content-length`: the peer must not take what it got for complete. */
  #failOutgoing(how: string): boolean {
    const error = new ExchangeError(
      this.outgoingFaultCode,
      `stream ${this.id}: body ${how} than content-length`,
    )
    this.resetBoth(errorCode.internalError, error)
    return true
  }

  /** RST_STREAM to the peer, the error to our side. */
  protected resetBoth(code: number, error: ExchangeError): void {
    this.resetWith(code)
    this.receiver.onReset(error)
  }
}
