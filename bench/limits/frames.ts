import type { Socket } from 'node:net'

/** Alternating names and values. */
export type FlatHeaders = string[]

export const FrameType = { data: 0, headers: 1 } as const
const endStream = 0x1
const endHeaders = 0x4
const frameHeadBytes = 9
const bufferBytes = 65_536

/** Gathers frames and writes them to the socket once a turn. */
export class FrameWriter {
  readonly #socket: Socket
  #buffer = Buffer.allocUnsafe(bufferBytes)
  #length = 0
  #scheduled = false
  readonly #flush = () => this.flush()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Header fields as literals without indexing and Huffman (RFC 7541 §6.2.2). */
  writeHeaders(stream: number, headers: FlatHeaders, last: boolean): void {
    let bound = frameHeadBytes
    for (const text of headers) bound += text.length + 4
    this.#reserve(bound)
    const start = this.#length
    const buffer = this.#buffer
    let at = start + frameHeadBytes
    for (let index = 0; index < headers.length; index += 2) {
      buffer[at++] = 0
      at = putString(buffer, at, headers[index]!)
      at = putString(buffer, at, headers[index + 1]!)
    }
    const flags = endHeaders | (last ? endStream : 0)
    this.#putFrameHead(at - start - frameHeadBytes, FrameType.headers, flags, stream)
    this.#length = at
  }

  writeData(stream: number, data: Buffer, last: boolean): void {
    this.#reserve(frameHeadBytes + data.length)
    this.#putFrameHead(data.length, FrameType.data, last ? endStream : 0, stream)
    this.#length += data.copy(this.#buffer, this.#length)
  }

  flush(): void {
    this.#scheduled = false
    if (this.#length === 0) return
    this.#socket.write(this.#buffer.subarray(0, this.#length))
    this.#buffer = Buffer.allocUnsafe(bufferBytes)
    this.#length = 0
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > this.#buffer.length) {
      this.flush()
      if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(bytes * 2)
    }
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  #putFrameHead(length: number, type: number, flags: number, stream: number): void {
    const buffer = this.#buffer
    const at = this.#length
    buffer[at] = length >> 16
    buffer[at + 1] = length >> 8
    buffer[at + 2] = length
    buffer[at + 3] = type
    buffer[at + 4] = flags
    buffer[at + 5] = stream >> 24
    buffer[at + 6] = stream >> 16
    buffer[at + 7] = stream >> 8
    buffer[at + 8] = stream
    this.#length = at + frameHeadBytes
  }
}

export interface Frame {
  readonly type: number
  readonly last: boolean
  readonly stream: number
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

/** Cuts what a socket reads into frames. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void
  #rest: Buffer | undefined

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame
  }

  read(chunk: Buffer): void {
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (buffer.length - at >= frameHeadBytes) {
      const start = at + frameHeadBytes
      const end = start + ((buffer[at]! << 16) | (buffer[at + 1]! << 8) | buffer[at + 2]!)
      if (end > buffer.length) break
      const type = buffer[at + 3]!
      const last = (buffer[at + 4]! & endStream) !== 0
      this.#onFrame({ type, last, stream: buffer.readUInt32BE(at + 5), buffer, start, end })
      at = end
    }
    this.#rest = at < buffer.length ? buffer.subarray(at) : undefined
  }
}

/** Reads what {@link FrameWriter.writeHeaders} wrote. */
export function readHeaders({ buffer, start, end }: Frame): FlatHeaders {
  const headers: FlatHeaders = []
  let at = start
  const readString = () => {
    let length = buffer[at++]!
    if (length === 127) {
      for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
        byte = buffer[at++]!
        length += (byte & 127) << shift
      }
    }
    at += length
    return buffer.latin1Slice(at - length, at)
  }
  while (at < end) {
    at++
    headers.push(readString(), readString())
  }
  return headers
}

/** Length with a 7-bit prefix (RFC 7541 §5.1), then the bytes. */
function putString(buffer: Buffer, start: number, text: string): number {
  let at = start
  let length = text.length
  if (length < 127) {
    buffer[at++] = length
  } else {
    buffer[at++] = 127
    for (length -= 127; length >= 128; length >>= 7) buffer[at++] = (length & 127) | 128
    buffer[at++] = length
  }
  return at + buffer.latin1Write(text, at)
}
