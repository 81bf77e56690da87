import { crc32 } from 'node:zlib'
import { GrowingBuffer } from '../../../base/growing-buffer.ts'
import { maxPayloadBytes } from '../../../model/function/function.ts'
import { BackendError } from '../backend.ts'

/** A message of AWS's framing of events (smithy.io/2.0/aws/amazon-eventstream.html). */
export interface EventFrame {
  /** Those that are text. */
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Buffer
}

const preludeBytes = 12
const crcBytes = 4
const maxHeaderBytes = 128 * 1024
const maxFrameBytes = preludeBytes + maxHeaderBytes + maxPayloadBytes + crcBytes
const stringType = 7
/** Bytes of a value by its type; bytes and strings say their own length. */
const fixedSizes = new Map([
  [0, 0],
  [1, 0],
  [2, 1],
  [3, 2],
  [4, 4],
  [5, 8],
  [8, 8],
  [9, 16],
])

/** Takes frames out of bytes that come split anywhere. Both checksums of each have to hold. */
export class EventFrameDecoder {
  #pending = new GrowingBuffer()

  /** @throws BackendError `protocol`; the decoder is of no use afterwards. */
  push(chunk: Buffer): EventFrame[] {
    this.#pending.append(chunk)
    const { bytes } = this.#pending
    const frames: EventFrame[] = []
    let at = 0
    for (;;) {
      const length = frameLength(bytes.subarray(at))
      if (length === undefined || bytes.length - at < length) break
      frames.push(decodeFrame(bytes.subarray(at, at + length)))
      at += length
    }
    if (at > 0) this.#keep(bytes.subarray(at))
    return frames
  }

  /** @throws BackendError when the bytes ended within a frame. */
  end(): void {
    if (this.#pending.length > 0) throw malformed('the stream of events ended within one')
  }

  /** In memory of its own: payloads that were given out are views of the old. */
  #keep(rest: Buffer): void {
    this.#pending = new GrowingBuffer()
    this.#pending.append(rest)
  }
}

/** Undefined: not all of the prelude is there. */
function frameLength(bytes: Buffer): number | undefined {
  if (bytes.length < preludeBytes) return undefined
  const length = bytes.readUInt32BE(0)
  const headers = bytes.readUInt32BE(4)
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8))
    throw malformed('an event has the wrong checksum for its lengths')
  const smallest = preludeBytes + headers + crcBytes
  if (length < smallest || length > maxFrameBytes || headers > maxHeaderBytes)
    throw malformed(`an event of ${length} bytes, ${headers} of them headers, is not possible`)
  return length
}

function decodeFrame(frame: Buffer): EventFrame {
  const end = frame.length - crcBytes
  if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end))
    throw malformed('an event has the wrong checksum')
  const bodyAt = preludeBytes + frame.readUInt32BE(4)
  return {
    headers: decodeHeaders(frame.subarray(preludeBytes, bodyAt)),
    payload: frame.subarray(bodyAt, end),
  }
}

function decodeHeaders(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>()
  try {
    for (let at = 0; at < bytes.length;) at = decodeHeader(bytes, at, headers)
  } catch (error) {
    if (error instanceof RangeError) throw malformed('the headers of an event are cut short')
    throw error
  }
  return headers
}

/** @returns where the next begins. */
function decodeHeader(bytes: Buffer, start: number, headers: Map<string, string>): number {
  const nameEnd = start + 1 + bytes.readUInt8(start)
  const type = bytes.readUInt8(nameEnd)
  const fixed = fixedSizes.get(type)
  if (fixed !== undefined) return within(bytes, nameEnd + 1 + fixed)
  if (type !== stringType && type !== stringType - 1)
    throw malformed(`an event has a header of the unknown type ${type}`)
  const valueAt = nameEnd + 3
  const end = within(bytes, valueAt + bytes.readUInt16BE(nameEnd + 1))
  if (type === stringType)
    headers.set(bytes.toString('utf8', start + 1, nameEnd), bytes.toString('utf8', valueAt, end))
  return end
}

function within(bytes: Buffer, at: number): number {
  if (at > bytes.length) throw malformed('the headers of an event are cut short')
  return at
}

function malformed(message: string): BackendError {
  return new BackendError('protocol', message)
}
