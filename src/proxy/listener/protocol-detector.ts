import type { Socket } from 'node:net'
import type { WireProtocol } from '../../http/message.ts'
import type { ChunkReceiver, SharedReader } from '../../http/shared-reader.ts'
import type { ServerConnection } from '../../http/stream.ts'
import type { Provisional } from '../../http/tcp/server-connection.ts'
import type { ServerCodec } from './server-codec.ts'

/**
 * A client that has been silent for so long waits for the server to speak: MySQL, SMTP and their like. Or it has
 * connected in advance, which its first word will tell.
 */
const silentMs = 50

/** The connection to the server may as well be made while it is still being waited. */
const warmMs = 10

/** `tls`: raw bytes that name their destination. */
export type DetectedProtocol = WireProtocol | 'tls'

export interface ProtocolDetectorOptions<Protocol extends DetectedProtocol> {
  /** Puts the codec of that protocol on the socket. */
  readonly start: (protocol: Protocol | 'tcp', provisional?: Provisional) => ServerCodec
  /** Where reads come from; absent: from the socket's events. */
  readonly reader?: SharedReader | undefined
  /** Who has not shown by then what it speaks is let go, or is `tcp`; ms. */
  readonly timeoutMs: number
  /** Monotonic ms. */
  readonly acceptedAt: number
  /** What the first bytes say; undefined: more are needed. */
  readonly classify: (bytes: Buffer) => Protocol | undefined
  /** Present where other protocols than HTTP may be spoken, so that silence means something. */
  readonly opaque?: {
    /** It will probably be `tcp`. */
    readonly warm: () => void
    /** Nothing came for so long that it is taken for `tcp`. */
    readonly silent: () => void
  }
}

/** Waits for the first bytes of a connection, and puts the codec for them on it. */
export class ProtocolDetector<Protocol extends DetectedProtocol = WireProtocol>
  implements ServerConnection, ChunkReceiver
{
  readonly #socket: Socket
  readonly #options: ProtocolDetectorOptions<Protocol>
  #codec: ServerCodec | undefined
  /** All that came so far. */
  #start = Buffer.alloc(0)
  #timer: NodeJS.Timeout | undefined
  readonly #onData = (chunk: Buffer): void => this.receive(chunk)
  readonly #onEnd = (): void => this.#giveUp()

  constructor(socket: Socket, options: ProtocolDetectorOptions<Protocol>) {
    this.#socket = socket
    this.#options = options
    this.#listen()
    if (options.opaque === undefined) return
    this.#timer = setTimeout(() => this.#warm(), warmMs)
    socket.once('close', () => clearTimeout(this.#timer))
  }

  get active(): number {
    return this.#codec?.active ?? 0
  }

  receive(chunk: Buffer): void {
    const bytes = this.#start.length === 0 ? chunk : Buffer.concat([this.#start, chunk])
    const protocol = this.#options.classify(bytes)
    if (protocol !== undefined) return this.#begin(protocol).receive(bytes)
    // It has begun like a request, whose rest may take its time.
    clearTimeout(this.#timer)
    this.#start = Buffer.from(bytes)
  }

  drain(): void {
    if (this.#codec === undefined) this.destroy()
    else this.#codec.drain()
  }

  destroy(): void {
    if (this.#codec === undefined) this.#socket.destroy()
    else this.#codec.destroy()
  }

  sweep(now: number): void {
    const { acceptedAt, timeoutMs } = this.#options
    if (this.#codec !== undefined) this.#codec.sweep(now)
    else if (now - acceptedAt > timeoutMs) this.#giveUp()
  }

  #warm(): void {
    this.#options.opaque?.warm()
    this.#timer = setTimeout(() => {
      this.#options.opaque?.silent()
      this.#begin('tcp', {
        isTcp: chunk => this.#options.classify(chunk) === 'tcp',
        takeBack: chunk => {
          this.#codec = undefined
          this.#listen()
          this.receive(chunk)
        },
      })
    }, silentMs - warmMs)
  }

  #listen(): void {
    this.#socket.on('data', this.#onData)
    this.#socket.on('end', this.#onEnd)
    this.#options.reader?.attach(this)
  }

  /** No more will come that could tell. */
  #giveUp(): void {
    if (this.#options.opaque === undefined) this.destroy()
    else this.#beginTcp()
  }

  #beginTcp(): void {
    const bytes = this.#start
    const codec = this.#begin('tcp')
    if (bytes.length > 0) codec.receive(bytes)
  }

  /** From here on the codec itself hears of the socket. */
  #begin(protocol: Protocol | 'tcp', provisional?: Provisional): ServerCodec {
    clearTimeout(this.#timer)
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    const codec = this.#options.start(protocol, provisional)
    this.#options.reader?.attach(codec)
    this.#codec = codec
    this.#start = Buffer.alloc(0)
    return codec
  }
}
