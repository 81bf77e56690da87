/** The peer does not speak the protocol; the stream cannot go on. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

const newline = 0x0a

/** Cuts a byte stream into lines of JSON. Holds at most `maxLineBytes` of an unfinished line. */
export class LineDecoder {
  readonly #maxLineBytes: number
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true })
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes
  }

  /** The values of the lines that this chunk completes, parsed one at a time. @throws ProtocolError */
  *push(chunk: Buffer): Generator<unknown, void> {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#add(chunk.subarray(start, end))
      start = end + 1
      yield this.#take()
    }
    this.#add(chunk.subarray(start))
  }

  #add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > this.#maxLineBytes)
      throw new ProtocolError(`a line of more than ${this.#maxLineBytes} bytes`)
    if (part.length > 0) this.#parts.push(part)
  }

  #take(): unknown {
    const line = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    try {
      return JSON.parse(this.#utf8.decode(line)) as unknown
    } catch (error) {
      throw new ProtocolError('a line that is not JSON', { cause: error })
    }
  }
}
