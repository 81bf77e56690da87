import {
  ConnectionFault,
  errorCode,
  flag,
  frameHeaderBytes,
  frameType,
  preface,
} from './protocol.ts'

/** What a reader makes of the bytes. Methods may throw {@link ConnectionFault}. */
export interface FrameSink {
  /** A DATA frame begins. `length` is what flow control counts, padding included. */
  dataStart(streamId: number, length: number): void
  /** A piece of its payload: a view of the bytes read, never empty. */
  dataChunk(chunk: Buffer): void
  dataEnd(endStream: boolean): void
  /** Any other frame; its payload is `bytes[start, end)` and not to be kept. Unknown types come without theirs. */
  frame(head: FrameHead, bytes: Buffer, start: number, end: number): void
}

export interface FrameHead {
  type: number
  flags: number
  streamId: number
}

interface FrameLimits {
  /** SETTINGS_MAX_FRAME_SIZE as announced. */
  readonly maxFrameBytes: number
  /** Most payload gathered for a frame that is not DATA. */
  readonly maxGatheredBytes: number
}

type State = 'preface' | 'header' | 'data' | 'gather' | 'skip'

/** Cuts the byte stream into frames, whatever the pieces it comes in. DATA passes through unbuffered. */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #limits: FrameLimits
  readonly #head: FrameHead = { type: 0, flags: 0, streamId: 0 }
  #state: State
  /** Payload bytes of the frame still to come; preface bytes in that state. */
  #left: number
  /** Padding behind the data still to come. */
  #padding = 0
  #padLengthDue = false
  #partial: Buffer
  #partialLength = 0
  #stopped = false

  constructor(sink: FrameSink, limits: FrameLimits, expectPreface: boolean) {
    this.#sink = sink
    this.#limits = limits
    this.#state = expectPreface ? 'preface' : 'header'
    this.#left = preface.length
    this.#partial = Buffer.allocUnsafe(frameHeaderBytes)
  }

  /** Ignores everything from now on, the rest of the current chunk included. */
  stop(): void {
    this.#stopped = true
  }

  read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#stopped) at = this.#step(chunk, at)
  }

  /** @returns how far it came; at least one byte. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'header':
        return this.#readHeader(chunk, at)
      case 'data':
        return this.#readData(chunk, at)
      case 'gather':
        return this.#gather(chunk, at)
      case 'skip':
        return this.#skip(chunk, at)
      case 'preface':
        return this.#readPreface(chunk, at)
    }
  }

  #readPreface(chunk: Buffer, at: number): number {
    const from = preface.length - this.#left
    const length = Math.min(this.#left, chunk.length - at)
    if (preface.compare(chunk, at, at + length, from, from + length) !== 0)
      throw new ConnectionFault(errorCode.protocolError, 'not an HTTP/2 connection preface')
    this.#left -= length
    if (this.#left === 0) this.#state = 'header'
    return at + length
  }

  #readHeader(chunk: Buffer, at: number): number {
    if (this.#partialLength === 0 && chunk.length - at >= frameHeaderBytes) {
      this.#parseHeader(chunk, at)
      return this.#begin(chunk, at + frameHeaderBytes)
    }
    const next = this.#collect(chunk, at, frameHeaderBytes)
    if (this.#partialLength < frameHeaderBytes) return next
    this.#partialLength = 0
    this.#parseHeader(this.#partial, 0)
    return this.#begin(chunk, next)
  }

  #parseHeader(bytes: Buffer, at: number): void {
    this.#left = bytes.readUIntBE(at, 3)
    this.#head.type = bytes[at + 3] ?? 0
    this.#head.flags = bytes[at + 4] ?? 0
    this.#head.streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff
    if (this.#left > this.#limits.maxFrameBytes)
      throw new ConnectionFault(errorCode.frameSizeError, `frame of ${this.#left} bytes`)
  }

  /** Takes the frame at once where the chunk holds all of it. */
  #begin(chunk: Buffer, at: number): number {
    const { type, flags, streamId } = this.#head
    if (type === frameType.data) {
      this.#state = 'data'
      this.#padding = 0
      this.#padLengthDue = (flags & flag.padded) !== 0
      if (this.#padLengthDue && this.#left === 0)
        throw new ConnectionFault(errorCode.frameSizeError, 'padded DATA without pad length')
      this.#sink.dataStart(streamId, this.#left)
      if (this.#left === 0) this.#endData()
      return at
    }
    if (type > frameType.continuation) {
      this.#sink.frame(this.#head, chunk, at, at)
      this.#state = this.#left > 0 ? 'skip' : 'header'
      return at
    }
    if (this.#left > this.#limits.maxGatheredBytes)
      throw new ConnectionFault(errorCode.enhanceYourCalm, `frame of ${this.#left} bytes`)
    const end = at + this.#left
    if (end <= chunk.length) {
      this.#sink.frame(this.#head, chunk, at, end)
      return end
    }
    this.#state = 'gather'
    this.#partial = Buffer.allocUnsafe(this.#left)
    return at
  }

  #readData(chunk: Buffer, at: number): number {
    if (this.#padLengthDue) return this.#readPadLength(chunk, at)
    const end = Math.min(at + this.#left, chunk.length)
    this.#left -= end - at
    this.#sink.dataChunk(end - at === chunk.length ? chunk : chunk.subarray(at, end))
    if (this.#left === 0) this.#endData()
    return end
  }

  #readPadLength(chunk: Buffer, at: number): number {
    this.#padLengthDue = false
    this.#padding = chunk[at] ?? 0
    this.#left -= 1 + this.#padding
    if (this.#left < 0)
      throw new ConnectionFault(errorCode.protocolError, 'padding exceeds the DATA frame')
    if (this.#left === 0) this.#endData()
    return at + 1
  }

  #endData(): void {
    this.#left = this.#padding
    this.#state = this.#left > 0 ? 'skip' : 'header'
    this.#sink.dataEnd((this.#head.flags & flag.endStream) !== 0)
  }

  #gather(chunk: Buffer, at: number): number {
    const next = this.#collect(chunk, at, this.#left)
    if (this.#partialLength < this.#left) return next
    const payload = this.#partial
    this.#partial = Buffer.allocUnsafe(frameHeaderBytes)
    this.#partialLength = 0
    this.#state = 'header'
    this.#sink.frame(this.#head, payload, 0, payload.length)
    return next
  }

  #collect(chunk: Buffer, at: number, wanted: number): number {
    const end = Math.min(at + wanted - this.#partialLength, chunk.length)
    this.#partialLength += chunk.copy(this.#partial, this.#partialLength, at, end)
    return end
  }

  #skip(chunk: Buffer, at: number): number {
    const length = Math.min(this.#left, chunk.length - at)
    this.#left -= length
    if (this.#left === 0) this.#state = 'header'
    return at + length
  }
}
