// A peer that writes frames byte by byte as told and records those it gets.
import { once } from 'node:events'
import net from 'node:net'
import { FieldBlock } from '../../../../src/http/http2/hpack/field-block.ts'
import { HpackDecoder } from '../../../../src/http/http2/hpack/decoder.ts'
import { FrameReader } from '../../../../src/http/http2/frame-reader.ts'
import { frameType, preface } from '../../../../src/http/http2/protocol.ts'

export type Pair = readonly [name: string, value: string]

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer = Buffer.alloc(0),
) {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

/** A block of literals, never indexed, so that nothing depends on what came before. */
export function block(pairs: readonly Pair[]): Buffer {
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  )
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const rest: number[] = []
  let left = bytes.length - 127
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) + 128)
  return Buffer.concat([Buffer.from([127, ...rest, left]), bytes])
}

export function headers(streamId: number, pairs: readonly Pair[], endStream = true): Buffer {
  return frame(frameType.headers, endStream ? 5 : 4, streamId, block(pairs))
}

export function data(streamId: number, payload: string | Buffer, endStream = false): Buffer {
  return frame(frameType.data, endStream ? 1 : 0, streamId, Buffer.from(payload))
}

export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  })
  return frame(frameType.settings, 0, 0, payload)
}

export function word(...values: number[]): Buffer {
  const payload = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => payload.writeUInt32BE(value, i * 4))
  return payload
}

export const get: readonly Pair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'orders'],
  [':path', '/'],
]

/** `get` with fields replaced or added, in place of those of the same name. */
export function changed(...changes: readonly Pair[]): Pair[] {
  const names = new Set(changes.map(([name]) => name))
  const kept = get.filter(([name]) => !names.has(name))
  const pseudo = changes.filter(([name]) => name.startsWith(':'))
  return [...kept, ...pseudo, ...changes.filter(([name]) => !name.startsWith(':'))]
}

export function response(status: number, ...more: readonly Pair[]): Pair[] {
  return [[':status', String(status)], ...more]
}

export class RawPeer implements AsyncDisposable {
  readonly frames: Frame[] = []
  readonly socket: net.Socket
  readonly #decoder = new HpackDecoder({
    maxTableBytes: 16_384,
    maxListBytes: 2 ** 20,
    maxFields: 1000,
  })
  #wake: () => void = () => {}
  #ended = false

  /** @param greeted whether the peer is a client whose preface we read. */
  constructor(socket: net.Socket, fromClient = false) {
    this.socket = socket
    const pieces: Buffer[] = []
    const heads: { streamId: number; length: number }[] = []
    const reader = new FrameReader(
      {
        dataStart: (streamId, length) => heads.push({ streamId, length }),
        dataChunk: chunk => pieces.push(chunk),
        dataEnd: endStream => {
          const streamId = heads.pop()?.streamId ?? 0
          const payload = Buffer.concat(pieces.splice(0))
          this.#keep({ type: 0, flags: endStream ? 1 : 0, streamId, payload })
        },
        frame: (head, bytes, start, end) =>
          this.#keep({ ...head, payload: Buffer.from(bytes.subarray(start, end)) }),
      },
      { maxFrameBytes: 2 ** 24, maxGatheredBytes: 2 ** 24 },
      fromClient,
    )
    socket.on('data', chunk => reader.read(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** A client that has greeted. */
  static async client(port: number, ...pairs: readonly (readonly [number, number])[]) {
    const socket = net.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const peer = new RawPeer(socket)
    peer.send(preface, settings(...pairs))
    return peer
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes))
  }

  /** The first frame that fits, taken out of the record; undefined when the connection ended without it. */
  async next(fits: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const at = this.frames.findIndex(fits)
      if (at >= 0) return this.frames.splice(at, 1)[0]
      if (this.#ended) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async nextOf(type: number, streamId?: number): Promise<Frame | undefined> {
    return this.next(
      frame => frame.type === type && (streamId === undefined || frame.streamId === streamId),
    )
  }

  /** The error code of the GOAWAY that ends the connection. */
  async goawayCode(): Promise<number | undefined> {
    const goaway = await this.nextOf(frameType.goaway)
    return goaway?.payload.readUInt32BE(4)
  }

  async resetCode(streamId: number): Promise<number | undefined> {
    const reset = await this.nextOf(frameType.rstStream, streamId)
    return reset?.payload.readUInt32BE(0)
  }

  /** Fields of the next HEADERS frame of a stream. Frames must be asked for in the order they came. */
  async head(streamId: number): Promise<Pair[]> {
    const head = await this.nextOf(frameType.headers, streamId)
    return head === undefined ? [] : this.decode(head.payload)
  }

  decode(payload: Buffer): Pair[] {
    const fields = new FieldBlock()
    this.#decoder.decode(payload, 0, payload.length, fields)
    return fields.names
      .slice(0, fields.length)
      .map((name, i): Pair => [name, fields.values[i] ?? ''])
  }

  async closed(): Promise<void> {
    await this.next(() => false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed()
  }

  #keep(received: Frame): void {
    this.frames.push(received)
    this.#wake()
  }
}
