import { ExchangeError } from '../../base/errors.ts'
import type { HttpLimits } from '../limits.ts'
import { keep } from '../read-buffer.ts'
import type { FaultCodes } from './fields.ts'

const endOfHead = Buffer.from('\r\n\r\n')
const cr = 13
const lf = 10

/** Finds heads in a stream of chunks, wherever those are cut. */
export class HeadReader {
  readonly #limits: HttpLimits
  readonly #faults: FaultCodes
  /** Bytes of an unfinished head. */
  #partial: Buffer | undefined
  /** Offset behind the head in the chunk that {@link read} was last given. */
  consumed = 0

  constructor(limits: HttpLimits, faults: FaultCodes) {
    this.#limits = limits
    this.#faults = faults
  }

  /** A head has begun. */
  get started(): boolean {
    return this.#partial !== undefined
  }

  /**
   * @returns the head's lines with their CRLFs, without the empty one at the end; undefined while it is not
   * complete. {@link consumed} tells how much of `chunk` it took.
   * @throws ExchangeError when it is too large or cannot become a head.
   */
  read(chunk: Buffer): string | undefined {
    if (this.#partial !== undefined) return this.#continue(chunk, this.#partial)
    const start = skipEmptyLines(chunk)
    const end = chunk.indexOf(endOfHead, start)
    if (end < 0) {
      this.consumed = chunk.length
      if (start < chunk.length) this.#hold(keep(chunk.subarray(start)))
      return undefined
    }
    this.#checkSize(end - start)
    this.consumed = end + 4
    return chunk.latin1Slice(start, end + 2)
  }

  #continue(chunk: Buffer, partial: Buffer): string | undefined {
    const bytes = Buffer.concat([partial, chunk])
    const start = skipEmptyLines(bytes)
    // The end may begin in the last three bytes that were there before.
    const end = bytes.indexOf(endOfHead, Math.max(start, partial.length - 3))
    if (end < 0) {
      this.consumed = chunk.length
      this.#hold(bytes.subarray(start))
      return undefined
    }
    this.#partial = undefined
    this.#checkSize(end - start)
    this.consumed = end + 4 - partial.length
    return bytes.latin1Slice(start, end + 2)
  }

  #hold(bytes: Buffer): void {
    this.#partial = bytes.length === 0 ? undefined : bytes
    this.#checkSize(bytes.length)
    const line = bytes.indexOf(lf)
    if (line < 0 && bytes.length > this.#limits.maxLineBytes)
      throw new ExchangeError(this.#lineTooLong(), 'the first line is too long')
    // Waiting for a CRLF that a sender of bare LF never sends would only end in a timeout.
    if (line > 0 && bytes[line - 1] !== cr)
      throw new ExchangeError(this.#faults.malformed, 'a line ends in LF without CR')
  }

  #checkSize(bytes: number): void {
    if (bytes > this.#limits.maxHeadBytes)
      throw new ExchangeError(this.#faults.tooLarge, `the head is longer than allowed`)
  }

  #lineTooLong(): 'uri_too_long' | 'upstream_protocol' {
    return this.#faults.malformed === 'bad_request' ? 'uri_too_long' : 'upstream_protocol'
  }
}

/** RFC 9112 §2.2: empty lines before a start line are ignored. */
function skipEmptyLines(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === cr && bytes[at + 1] === lf) at += 2
  return at
}
