import type { Duplex } from 'node:stream'
import { LineDecoder, ProtocolError } from './line-decoder.ts'

export interface MessageStreamOptions {
  /** Longest line taken from the peer. */
  readonly maxLineBytes: number
  /**
   * Reads no further while the peer leaves unread what it was sent, so that answers do not pile up. For one side
   * only: two such would wait for each other. Default false.
   */
  readonly pausesWhenFull?: boolean
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
  readonly #options: MessageStreamOptions
  #reason: Error | undefined

  constructor(stream: Duplex, options: MessageStreamOptions) {
    this.#stream = stream
    this.#decoder = new LineDecoder(options.maxLineBytes)
    this.#options = options
    // Its `close` follows, and `errored` keeps it.
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => this.#read(chunk))
    stream.on('drain', () => stream.resume())
    const closed = (): void => options.onClose(this.#reason ?? stream.errored ?? undefined)
    // It may have closed between its opener and us.
    if (stream.closed) queueMicrotask(closed)
    else stream.once('close', closed)
  }

  /** Without effect once the stream has ended. The caller bounds what it sends. */
  send(message: Outgoing): void {
    if (!this.#stream.writable) return
    const room = this.#stream.write(`${JSON.stringify(message)}\n`)
    if (!room && this.#options.pausesWhenFull === true) this.#stream.pause()
  }

  /** Lets out what was sent, then closes with the peer, which has a second to read it. */
  end(): void {
    const linger = setTimeout(() => this.#stream.destroy(), lingerMs)
    this.#stream.once('close', () => clearTimeout(linger))
    this.#stream.end()
  }

  /** Closes at once. */
  destroy(reason?: Error): void {
    this.#reason ??= reason
    this.#stream.destroy()
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#decoder.push(chunk)) {
        if (!this.#stream.writable) return
        this.#options.onMessage(message)
      }
    } catch (error) {
      this.destroy(error instanceof Error ? error : new ProtocolError(String(error)))
    }
  }
}
