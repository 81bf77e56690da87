import { headerBytes } from './message.ts'

/** Cuts a TCP stream into messages, each behind its length in two bytes (RFC 1035 §4.2.2). Holds what is not taken yet. */
export class MessageFraming {
  readonly #maxBytes: number
  #held: Buffer = Buffer.alloc(0)
  /** The stream holds a message that is too long, or too short to be one: there is no way to go on. */
  broken = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
  }

  /** The next whole message; undefined until it is there, and for good when the stream is {@link broken}. */
  take(): Buffer | undefined {
    if (this.broken || this.#held.length < 2) return undefined
    const length = this.#held.readUInt16BE(0)
    this.broken = length < headerBytes || length > this.#maxBytes
    const end = 2 + length
    if (this.broken || this.#held.length < end) return undefined
    const message = this.#held.subarray(2, end)
    this.#held = this.#held.subarray(end)
    return message
  }
}

/** `message` with its length before it, in one piece: two writes would be two segments. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length)
  framed.writeUInt16BE(message.length, 0)
  message.copy(framed, 2)
  return framed
}
