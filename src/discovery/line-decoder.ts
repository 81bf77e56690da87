import { GrowingBuffer } from '../base/growing-buffer.ts'

/** The peer does not speak the protocol; the stream cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

const newline = 0x0a

/** Cuts a byte stream into lines of JSON. Holds at most `maxLineBytes` of an unfinished line. */
export class LineDecoder {
  readonly #maxLineBytes: number
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true })
  readonly #unfinished = new GrowingBuffer()

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  /** The values of the lines that this chunk completes, parsed one at a time. @throws ProtocolError */
  *push(chunk: Buffer): Generator<unknown, void> {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const line = this.#complete(chunk.subarray(start, end))
      start = end + 1
      yield this.#parse(line)
    }
    this.#append(chunk.subarray(start))
  }

  #complete(end: Buffer): Buffer {
    if (this.#unfinished.length === 0) {
      this.#checkLength(end.length)
      return end
    }
    this.#append(end)
    const line = this.#unfinished.bytes
    this.#unfinished.clear()
    return line
  }

  #append(part: Buffer): void {
    this.#checkLength(this.#unfinished.length + part.length)
    this.#unfinished.append(part)
  }

  #checkLength(bytes: number): void {
    if (bytes > this.#maxLineBytes)
      throw new ProtocolError(`a line of more than ${this.#maxLineBytes} bytes`)
  }

  #parse(line: Buffer): unknown {
    try {
      return JSON.parse(this.#utf8.decode(line)) as unknown
    } catch (error) {
      throw new ProtocolError('a line that is not JSON', { cause: error })
    }
  }
}
