import type { Output } from './output.ts'
import { flag, frameHeaderBytes, frameType, preface } from './protocol.ts'

export type Setting = readonly [id: number, value: number]

/** Writes frames to an output. The block of a HEADERS frame is encoded in place by the caller. */
export class FrameWriter {
  readonly #output: Output
  /** DATA frames so far. */
  dataFrames = 0

  constructor(output: Output) {
    this.#output = output
  }

  /** The first bytes of a client. */
  preface(): void {
    const at = this.#output.reserve(preface.length)
    this.#output.commit(at + preface.copy(this.#output.buffer, at))
  }

  settings(settings: readonly Setting[]): void {
    let at = this.#begin(settings.length * 6, frameType.settings, 0, 0)
    for (const [id, value] of settings) {
      at = this.#output.buffer.writeUInt16BE(id, at)
      at = this.#output.buffer.writeUInt32BE(value, at)
    }
    this.#output.commit(at)
  }

  settingsAck(): void {
    this.#output.commit(this.#begin(0, frameType.settings, flag.ack, 0))
  }

  ping(): void {
    const at = this.#begin(8, frameType.ping, 0, 0)
    this.#output.buffer.fill(0, at, at + 8)
    this.#output.commit(at + 8)
  }

  /** Answers with the eight bytes at `start`. */
  pingAck(bytes: Buffer, start: number): void {
    const at = this.#begin(8, frameType.ping, flag.ack, 0)
    this.#output.commit(at + bytes.copy(this.#output.buffer, at, start, start + 8))
  }

  goaway(lastStreamId: number, code: number): void {
    const at = this.#begin(8, frameType.goaway, 0, 0)
    this.#output.buffer.writeUInt32BE(lastStreamId, at)
    this.#output.commit(this.#output.buffer.writeUInt32BE(code, at + 4))
  }

  rstStream(streamId: number, code: number): void {
    const at = this.#begin(4, frameType.rstStream, 0, streamId)
    this.#output.commit(this.#output.buffer.writeUInt32BE(code, at))
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#begin(4, frameType.windowUpdate, 0, streamId)
    this.#output.commit(this.#output.buffer.writeUInt32BE(increment, at))
  }

  /** @returns a mark for {@link endStreamAt}. */
  data(streamId: number, payload: Buffer, endStream: boolean): number {
    const flags = endStream ? flag.endStream : 0
    const output = this.#output
    this.dataFrames++
    const at = this.#begin(payload.length, frameType.data, flags, streamId)
    // The commit may send it all, after which the mark says so.
    const mark = flagsMark(output, at)
    output.commit(at + payload.copy(output.buffer, at))
    return mark
  }

  /** @returns where in the output's buffer a header block of at most `bound` bytes may be encoded. */
  beginHeaders(bound: number, maxFrameBytes: number): number {
    const frames = Math.floor(bound / maxFrameBytes) + 1
    return this.#output.reserve(bound + frames * frameHeaderBytes) + frameHeaderBytes
  }

  /** Turns the block `[start, end)` into HEADERS and CONTINUATION. @returns a mark for {@link endStreamAt}. */
  endHeaders(
    start: number,
    end: number,
    head: { streamId: number; endStream: boolean; maxFrameBytes: number },
  ): number {
    const { streamId, maxFrameBytes } = head
    const last = Math.max(0, Math.ceil((end - start) / maxFrameBytes) - 1)
    const output = this.#output
    for (let i = last; i > 0; i--) {
      const from = start + i * maxFrameBytes
      const length = Math.min(maxFrameBytes, end - from)
      const to = from + i * frameHeaderBytes
      output.buffer.copyWithin(to, from, from + length)
      const flags = i === last ? flag.endHeaders : 0
      const typeAndFlags = (frameType.continuation << 8) | flags
      output.putFrameHeader(to - frameHeaderBytes, length, typeAndFlags, streamId)
    }
    const flags = (last === 0 ? flag.endHeaders : 0) | (head.endStream ? flag.endStream : 0)
    output.putFrameHeader(
      start - frameHeaderBytes,
      Math.min(maxFrameBytes, end - start),
      (frameType.headers << 8) | flags,
      streamId,
    )
    output.commit(end + last * frameHeaderBytes)
    return flagsMark(output, start)
  }

  /** Adds END_STREAM to a frame written just now. @returns false when it has left already. */
  endStreamAt(mark: number): boolean {
    return this.#output.setBits(mark, flag.endStream)
  }

  #begin(length: number, type: number, flags: number, streamId: number): number {
    const at = this.#output.reserve(frameHeaderBytes + length)
    this.#output.putFrameHeader(at, length, (type << 8) | flags, streamId)
    return at + frameHeaderBytes
  }
}

function flagsMark(output: Output, payloadAt: number): number {
  return output.mark(payloadAt - frameHeaderBytes + 4)
}
