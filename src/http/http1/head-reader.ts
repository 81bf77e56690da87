import { ExchangeError } from '../../base/errors.ts'
import { GrowingBuffer } from '../../base/growing-buffer.ts'
import type { HttpLimits } from '../limits.ts'
import type { FaultCodes } from './fields.ts'

const endOfHead = '\r\n\r\n'
const endOfHeadBytes = Buffer.from(endOfHead)

/** perf: bench hop-100B. Searching the text of a short chunk spares a call out of JavaScript. */
const shortChunk = 2048
const cr = 13
const lf = 10

/** Finds heads in a stream of chunks, wherever those are cut. */
export class HeadReader {
  readonly #limits: HttpLimits
  readonly #faults: FaultCodes
  readonly #unfinished = new GrowingBuffer()
  /** The unfinished head has its first line. */
  #hasLine = false
  /** Offset behind the head in the chunk that {@link read} was last given. */
  consumed = 0

  constructor(limits: HttpLimits, faults: FaultCodes) {
    this.#limits = limits
    this.#faults = faults
  }

  /** A head has begun. */
  get started(): boolean {
    return this.#unfinished.length > 0
  }

  /** The unfinished head begins with `text`. */
  startsWith(text: string): boolean {
    const { bytes } = this.#unfinished
    return bytes.length >= text.length && bytes.latin1Slice(0, text.length) === text
  }

  /**
   * @returns the head's lines with their CRLFs, without the empty one at the end; undefined while it is not
   * complete. {@link consumed} tells how much of `chunk` it took.
   * @throws ExchangeError when it is too large or cannot become a head.
   */
  read(chunk: Buffer): string | undefined {
    if (this.started) return this.#continue(chunk)
    const start = skipEmptyLines(chunk)
    if (chunk.length <= shortChunk) {
      const text = chunk.latin1Slice(start, chunk.length)
      const length = text.indexOf(endOfHead)
      if (length >= 0 && length <= this.#limits.maxHeadBytes) {
        this.consumed = start + length + 4
        return text.slice(0, length + 2)
      }
    }
    const end = chunk.indexOf(endOfHeadBytes, start)
    if (end < 0 || end - start > this.#limits.maxHeadBytes) {
      this.consumed = chunk.length
      if (start < chunk.length) this.#check(0, this.#hold(chunk.subarray(start)))
      return undefined
    }
    this.consumed = end + 4
    return chunk.latin1Slice(start, end + 2)
  }

  #continue(chunk: Buffer): string | undefined {
    const before = this.#unfinished.length
    const bytes = this.#hold(chunk)
    const start = skipEmptyLines(bytes)
    if (start > 0) return this.#startOver(chunk, bytes.subarray(start))
    // The end may begin in the last three bytes that were there before.
    const end = bytes.indexOf(endOfHeadBytes, Math.max(0, before - 3))
    if (end < 0 || end > this.#limits.maxHeadBytes) {
      this.consumed = chunk.length
      this.#check(before, bytes)
      return undefined
    }
    this.#forget()
    this.consumed = end + 4 - before
    return bytes.latin1Slice(0, end + 2)
  }

  /** An empty line before the head was cut in two: the head begins in `chunk`, of which `rest` is the end. */
  #startOver(chunk: Buffer, rest: Buffer): string | undefined {
    this.#forget()
    const text = this.read(rest)
    this.consumed += chunk.length - rest.length
    return text
  }

  /** @returns all bytes of the unfinished head. */
  #hold(chunk: Buffer): Buffer {
    this.#unfinished.append(chunk)
    return this.#unfinished.bytes
  }

  #forget(): void {
    this.#unfinished.clear()
    this.#hasLine = false
  }

  /** @param from where the bytes begin that came last. */
  #check(from: number, bytes: Buffer): void {
    if (bytes.length > this.#limits.maxHeadBytes)
      throw new ExchangeError(this.#faults.tooLarge, 'the head is longer than allowed')
    for (let at = bytes.indexOf(lf, from); at >= 0; at = bytes.indexOf(lf, at + 1)) {
      this.#hasLine = true
      // Waiting for a CRLF that a sender of bare LF never sends would only end in a timeout.
      if (bytes[at - 1] !== cr)
        throw new ExchangeError(this.#faults.malformed, 'a line ends in LF without CR')
    }
    if (!this.#hasLine && bytes.length > this.#limits.maxLineBytes)
      throw new ExchangeError(this.#faults.lineTooLong, 'the first line is too long')
  }
}

/** RFC 9112 §2.2: empty lines before a start line are ignored. */
function skipEmptyLines(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === cr && bytes[at + 1] === lf) at += 2
  return at
}
