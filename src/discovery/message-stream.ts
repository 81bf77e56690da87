import type { Duplex } from 'node:stream'
import { LineDecoder, ProtocolError } from './line-decoder.ts'

export interface MessageStreamOptions {
  /** Longest line taken from the peer. */
  readonly maxLineBytes: number
  /** Called for one value after the other; what it throws ends the stream. */
  readonly onMessage: (message: unknown) => void
  /** Called once; `reason` is absent after an orderly end. */
  readonly onClose: (reason: Error | undefined) => void
}

/** Closing at once could reset the connection before the peer has read the last line. */
const lingerMs = 1000

/** One end of a stream of messages, each a line of JSON. */
export class MessageStream<Outgoing> {
  readonly #stream: Duplex
  readonly #decoder: LineDecoder
  readonly #onMessage: MessageStreamOptions['onMessage']
  #error: Error | undefined

  constructor(stream: Duplex, { maxLineBytes, onMessage, onClose }: MessageStreamOptions) {
    this.#stream = stream
    this.#decoder = new LineDecoder(maxLineBytes)
    this.#onMessage = onMessage
    stream.on('error', error => (this.#error ??= error))
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('end', () => stream.end())
    stream.once('close', () => onClose(this.#error))
  }

  /** Without effect once the stream has ended. The caller bounds what it sends. */
  send(message: Outgoing): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`)
  }

  /** Lets out what was sent, then closes with the peer, which has a second to read it. */
  end(): void {
    const linger = setTimeout(() => this.#stream.destroy(), lingerMs)
    this.#stream.once('close', () => clearTimeout(linger))
    this.#stream.end()
  }

  /** Closes at once. */
  destroy(reason?: Error): void {
    this.#error ??= reason
    this.#stream.destroy()
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#decoder.push(chunk)) {
        if (!this.#stream.writable) return
        this.#onMessage(message)
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new ProtocolError(String(error)))
    }
  }
}
