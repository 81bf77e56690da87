import type { HttpLimits } from '../limits.ts'
import type { FloodGuard } from './flood-guard.ts'
import type { FrameHead, FrameSink } from './frame-reader.ts'
import { dependencyFault, HeaderBlock, headersFragment, priorityBytes } from './header-block.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { FieldBlock } from './hpack/field-block.ts'
import { ConnectionFault, errorCode, flag, frameType } from './protocol.ts'

/** Well-formed frames, by their meaning. */
export interface FrameHandler {
  dataStart(streamId: number, length: number): void
  dataChunk(chunk: Buffer): void
  dataEnd(endStream: boolean): void
  /** A whole header block, decoded. `fields` is reused for the next one. */
  headers(streamId: number, fields: FieldBlock, endStream: boolean): void
  streamReset(streamId: number, code: number): void
  /** PRIORITY, the rest of which means nothing (RFC 9113 §5.3.2). */
  selfDependency(streamId: number): void
  settings(bytes: Buffer, start: number, end: number): void
  ping(bytes: Buffer, start: number): void
  pingAck(): void
  goaway(lastStreamId: number, code: number): void
  windowUpdate(streamId: number, increment: number): void
}

/** A SETTINGS frame makes us walk all streams. */
const settingsCost = 10

/**
 * Checks frames by their own rules (RFC 9113 §6: sizes, stream identifiers, the order of header blocks),
 * decodes field blocks and charges what costs work to the guard.
 */
export class FrameDispatcher implements FrameSink {
  readonly #handler: FrameHandler
  readonly #guard: FloodGuard
  readonly #decoder: HpackDecoder
  readonly #block: HeaderBlock
  readonly #fields = new FieldBlock()
  #greeted = false
  #dataLength = 0

  constructor(
    handler: FrameHandler,
    guard: FloodGuard,
    bounds: { limits: HttpLimits; tableBytes: number },
  ) {
    this.#handler = handler
    this.#guard = guard
    this.#block = new HeaderBlock(bounds.limits.maxHeadBytes)
    this.#decoder = new HpackDecoder({
      maxTableBytes: bounds.tableBytes,
      maxListBytes: bounds.limits.maxHeadBytes,
      maxFields: bounds.limits.maxHeaderCount,
    })
  }

  /** The peer's SETTINGS came. */
  get greeted(): boolean {
    return this.#greeted
  }

  /** HEADERS without END_HEADERS came, and their CONTINUATION not yet. */
  get blockOpen(): boolean {
    return this.#block.streamId !== 0
  }

  dataStart(streamId: number, length: number): void {
    this.#checkOrder(frameType.data, streamId)
    mustHaveStream(streamId)
    this.#dataLength = length
    this.#handler.dataStart(streamId, length)
  }

  dataChunk(chunk: Buffer): void {
    this.#handler.dataChunk(chunk)
  }

  dataEnd(endStream: boolean): void {
    if (this.#dataLength === 0 && !endStream) this.#guard.control(1)
    this.#handler.dataEnd(endStream)
  }

  frame(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    this.#checkOrder(head.type, head.streamId)
    switch (head.type) {
      case frameType.headers:
        return this.#headers(head, bytes, start, end)
      case frameType.continuation:
        return this.#continuation(head, bytes, start, end)
      case frameType.rstStream:
        mustHaveStream(head.streamId)
        mustMeasure(end - start, 4)
        return this.#handler.streamReset(head.streamId, bytes.readUInt32BE(start))
      case frameType.windowUpdate:
        return this.#windowUpdate(head.streamId, bytes, start, end)
      case frameType.settings:
        return this.#settings(head, bytes, start, end)
      case frameType.ping:
        return this.#ping(head, bytes, start, end)
      case frameType.goaway:
        return this.#goaway(head.streamId, bytes, start, end)
      case frameType.pushPromise:
        // RFC 9113 §8.4: refused by SETTINGS on one side, never allowed on the other.
        throw new ConnectionFault(errorCode.protocolError, 'PUSH_PROMISE')
      case frameType.priority:
        mustHaveStream(head.streamId)
        mustMeasure(end - start, 5)
        this.#guard.control(1)
        if (dependencyFault(head.streamId, bytes, start) !== undefined)
          this.#handler.selfDependency(head.streamId)
        return
      default:
        return this.#guard.control(1)
    }
  }

  /** SETTINGS come first, and nothing between HEADERS and its CONTINUATION. */
  #checkOrder(type: number, streamId: number): void {
    if (!this.#greeted && type !== frameType.settings)
      throw new ConnectionFault(errorCode.protocolError, 'SETTINGS must come first')
    const { streamId: open } = this.#block
    if (open !== 0 && (type !== frameType.continuation || streamId !== open))
      throw new ConnectionFault(errorCode.protocolError, 'interrupted header block')
  }

  #headers(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    mustHaveStream(head.streamId)
    const [from, to] = headersFragment(head, bytes, start, end)
    const fault =
      (head.flags & flag.priority) === 0
        ? undefined
        : dependencyFault(head.streamId, bytes, from - priorityBytes)
    if ((head.flags & flag.endHeaders) === 0) {
      this.#block.open(head, fault)
      return this.#block.add(bytes, from, to)
    }
    this.#decoder.decode(bytes, from, to, this.#fields)
    this.#fields.fault ??= fault
    this.#handler.headers(head.streamId, this.#fields, (head.flags & flag.endStream) !== 0)
  }

  #continuation(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    if (!this.blockOpen)
      throw new ConnectionFault(errorCode.protocolError, 'CONTINUATION without HEADERS')
    this.#block.add(bytes, start, end)
    if ((head.flags & flag.endHeaders) === 0) return
    const { streamId, endStream, fault } = this.#block
    const whole = this.#block.close()
    this.#decoder.decode(whole, 0, whole.length, this.#fields)
    this.#fields.fault ??= fault
    this.#handler.headers(streamId, this.#fields, endStream)
  }

  #windowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    mustMeasure(end - start, 4)
    this.#handler.windowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fff_ffff)
  }

  #settings(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    mustBeConnection(head.streamId)
    const ack = (head.flags & flag.ack) !== 0
    if (ack) mustMeasure(end - start, 0)
    else if ((end - start) % 6 !== 0) mustMeasure(end - start, 6)
    this.#guard.control(settingsCost)
    if (ack && !this.#greeted)
      throw new ConnectionFault(errorCode.protocolError, 'SETTINGS must come first')
    this.#greeted = true
    if (!ack) this.#handler.settings(bytes, start, end)
  }

  #ping(head: FrameHead, bytes: Buffer, start: number, end: number): void {
    mustBeConnection(head.streamId)
    mustMeasure(end - start, 8)
    this.#guard.control(1)
    if ((head.flags & flag.ack) !== 0) this.#handler.pingAck()
    else this.#handler.ping(bytes, start)
  }

  #goaway(streamId: number, bytes: Buffer, start: number, end: number): void {
    mustBeConnection(streamId)
    if (end - start < 8) mustMeasure(end - start, 8)
    this.#guard.control(1)
    this.#handler.goaway(bytes.readUInt32BE(start) & 0x7fff_ffff, bytes.readUInt32BE(start + 4))
  }
}

function mustHaveStream(streamId: number): void {
  if (streamId === 0)
    throw new ConnectionFault(errorCode.protocolError, 'frame needs a stream identifier')
}

function mustBeConnection(streamId: number): void {
  if (streamId !== 0)
    throw new ConnectionFault(errorCode.protocolError, 'frame belongs to the connection')
}

function mustMeasure(length: number, wanted: number): void {
  if (length !== wanted)
    throw new ConnectionFault(
      errorCode.frameSizeError,
      `frame of ${length} instead of ${wanted} bytes`,
    )
}
