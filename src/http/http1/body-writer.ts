import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import { writeLastChunk, type OutgoingFraming } from './head-writer.ts'
import type { Output } from './output.ts'

/** Writes one body in the framing that its head announced. */
export class BodyWriter {
  readonly #output: Output
  readonly #framing: OutgoingFraming | 'tunnel'
  readonly #fault: 'bad_request' | 'upstream_protocol'
  /** Bytes that `Content-Length` still promises. */
  #left: number

  /** @param fault what a body that breaks its own announcement is called. */
  constructor(
    output: Output,
    framing: OutgoingFraming | 'tunnel',
    length: number,
    fault: 'bad_request' | 'upstream_protocol',
  ) {
    this.#output = output
    this.#framing = framing
    this.#left = length
    this.#fault = fault
  }

  /** @returns as `write` of a stream. @throws ExchangeError when there is more than was announced. */
  write(chunk: Buffer): boolean {
    if (chunk.length === 0) return true
    switch (this.#framing) {
      case 'none':
        return true
      case 'length':
        this.#left -= chunk.length
        if (this.#left < 0)
          throw new ExchangeError(this.#fault, 'the body is longer than announced')
        return this.#output.chunk(chunk)
      case 'chunked':
        this.#output.text(`${chunk.length.toString(16)}\r\n`)
        return this.#endChunk(this.#output.chunk(chunk))
      case 'until-close':
      case 'tunnel':
        return this.#output.chunk(chunk)
    }
  }

  /** @throws ExchangeError when there is less than was announced. */
  end(trailers: HeaderList | undefined): void {
    if (this.#framing === 'length' && this.#left > 0)
      throw new ExchangeError(this.#fault, 'the body is shorter than announced')
    if (this.#framing === 'chunked') this.#output.text(writeLastChunk(trailers, this.#fault))
    this.#output.flush()
  }

  #endChunk(writable: boolean): boolean {
    this.#output.text('\r\n')
    return writable
  }
}
