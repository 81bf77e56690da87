import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { FieldParser, type FaultCodes } from './fields.ts'
import { HeadReader } from './head-reader.ts'

/** Where the bytes of a body go, as views of the chunks that came. */
export interface BodySink {
  onBody(chunk: Buffer): void
  onEnd(trailers: HeaderList | undefined): void
}

/** Cuts one body out of the stream (RFC 9112 §6). */
export interface BodyReader {
  readonly done: boolean
  /** Bytes of body that are still announced; Infinity when nobody knows. */
  readonly remaining: number
  /**
   * Passes on what `chunk` holds from `offset`. @returns the offset behind it.
   * @throws ExchangeError when the framing is broken.
   */
  read(chunk: Buffer, offset: number, sink: BodySink): number
}

/** `Content-Length`. */
export class LengthReader implements BodyReader {
  remaining: number

  constructor(length: number) {
    this.remaining = length
  }

  get done(): boolean {
    return this.remaining === 0
  }

  read(chunk: Buffer, offset: number, sink: BodySink): number {
    const end = Math.min(chunk.length, offset + this.remaining)
    this.remaining -= end - offset
    const whole = offset === 0 && end === chunk.length
    if (end > offset) sink.onBody(whole ? chunk : chunk.subarray(offset, end))
    if (this.remaining === 0) sink.onEnd(undefined)
    return end
  }
}

/** An answer that ends with its connection. */
export class UntilCloseReader implements BodyReader {
  readonly done = false
  readonly remaining = Number.POSITIVE_INFINITY

  read(chunk: Buffer, offset: number, sink: BodySink): number {
    sink.onBody(offset === 0 ? chunk : chunk.subarray(offset))
    return chunk.length
  }
}

const cr = 13
const lf = 10
const semicolon = 59

type ChunkedState =
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'last'
  | 'last-lf'
  | 'trailers'
  | 'done'

/** `Transfer-Encoding: chunked` (RFC 9112 §7.1), byte by byte except within data and trailers. */
export class ChunkedReader implements BodyReader {
  readonly remaining = Number.POSITIVE_INFINITY
  readonly #limits: HttpLimits
  readonly #faults: FaultCodes
  #state: ChunkedState = 'size'
  #size = 0
  #digits = 0
  #extensionBytes = 0
  #trailers: HeadReader | undefined

  constructor(limits: HttpLimits, faults: FaultCodes) {
    this.#limits = limits
    this.#faults = faults
  }

  get done(): boolean {
    return this.#state === 'done'
  }

  read(chunk: Buffer, offset: number, sink: BodySink): number {
    let at = offset
    while (at < chunk.length && this.#state !== 'done') {
      if (this.#state === 'data') at = this.#readData(chunk, at, sink)
      else if (this.#state === 'trailers') at = this.#readTrailers(chunk, at, sink)
      else if (this.#state === 'last' && chunk[at] !== cr) this.#state = 'trailers'
      else this.#step(chunk[at++] ?? 0, sink)
    }
    return at
  }

  #readData(chunk: Buffer, at: number, sink: BodySink): number {
    const end = Math.min(chunk.length, at + this.#size)
    this.#size -= end - at
    if (this.#size === 0) this.#state = 'data-cr'
    sink.onBody(chunk.subarray(at, end))
    return end
  }

  #step(byte: number, sink: BodySink): void {
    switch (this.#state) {
      case 'size':
        return this.#readSize(byte)
      case 'extension':
        return this.#readExtension(byte)
      case 'size-lf':
        this.#expect(byte, lf)
        this.#state = this.#size === 0 ? 'last' : 'data'
        this.#digits = 0
        this.#extensionBytes = 0
        return
      case 'data-cr':
        this.#expect(byte, cr)
        this.#state = 'data-lf'
        return
      case 'data-lf':
        this.#expect(byte, lf)
        this.#state = 'size'
        return
      case 'last':
        this.#state = 'last-lf'
        return
      case 'last-lf':
        this.#expect(byte, lf)
        return this.#finish(sink, undefined)
      default:
        return
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      // Twelve digits stay exact; more is no size but an attempt to overflow somebody's counter.
      if (++this.#digits > 12) this.#fail('the size of a chunk is too long')
      this.#size = this.#size * 16 + digit
      return
    }
    if (this.#digits === 0) this.#fail('a chunk has no size')
    if (byte === cr) this.#state = 'size-lf'
    else if (byte === semicolon) this.#state = 'extension'
    else this.#fail('the size of a chunk is malformed')
  }

  /** Extensions are read away; nobody here understands any. */
  #readExtension(byte: number): void {
    if (byte === cr) {
      this.#state = 'size-lf'
      return
    }
    if (byte !== 9 && (byte < 32 || byte > 126)) this.#fail('a chunk extension is malformed')
    if (++this.#extensionBytes > this.#limits.maxChunkExtensionBytes)
      this.#fail('chunk extensions are too long')
  }

  #readTrailers(chunk: Buffer, at: number, sink: BodySink): number {
    const { tooLarge } = this.#faults
    this.#trailers ??= new HeadReader(this.#limits, { ...this.#faults, lineTooLong: tooLarge })
    const text = this.#trailers.read(at === 0 ? chunk : chunk.subarray(at))
    if (text !== undefined) this.#finish(sink, this.#parseTrailers(text))
    return at + this.#trailers.consumed
  }

  #parseTrailers(text: string): HeaderList | undefined {
    const { headers } = new FieldParser(this.#limits, this.#faults).parse(text, 0)
    for (const name of forbiddenTrailers) headers.delete(name)
    return headers.length === 0 ? undefined : headers
  }

  #finish(sink: BodySink, trailers: HeaderList | undefined): void {
    this.#state = 'done'
    sink.onEnd(trailers)
  }

  #expect(byte: number, expected: number): void {
    if (byte !== expected) this.#fail('a chunk does not end where its size says')
  }

  #fail(message: string): never {
    throw new ExchangeError(this.#faults.malformed satisfies ErrorCode, message)
  }
}

/** RFC 9110 §6.5.1: not for trailers (those for framing never reach the list). */
const forbiddenTrailers = [
  'authorization',
  'cookie',
  'set-cookie',
  'content-encoding',
  'content-type',
  'content-range',
  'cache-control',
  'range',
  'trailer',
  'max-forwards',
  'www-authenticate',
]

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
