import type { HeaderList } from '../../headers.ts'
import type { HttpLimits } from '../../limits.ts'
import { unknownLength } from '../../message.ts'
import type { ResponseHead } from '../../message.ts'
import type { HpackEncoder } from '../hpack/encoder.ts'
import type { FieldBlock } from '../hpack/field-block.ts'
import type { PeerSettings } from '../settings.ts'
import { FieldCollector, malformed } from './field-collector.ts'
import type { HeadFault } from './field-collector.ts'
import { encodeFields, fieldsBound, fixedFieldsBound } from './field-encoding.ts'
import { upgradeDeclined, upgradeField } from './private-fields.ts'
import type { HeaderCase } from './private-fields.ts'

const threeDigits = /^[1-5]\d\d$/

/** What a response must be read against. */
export interface Asked {
  /** HEAD: `content-length` describes a body that does not come. */
  readonly head: boolean
  /** CONNECT: 2xx begins a tunnel. */
  readonly connect: boolean
  /** Extended CONNECT: 2xx means that the protocol was switched. */
  readonly upgrade: boolean
}

/** Turns header blocks into response heads; 2xx on an extended CONNECT becomes 101. */
export class ResponseHeadReader {
  readonly #fields: FieldCollector

  constructor(limits: HttpLimits, headerCase: HeaderCase, peer: PeerSettings) {
    this.#fields = new FieldCollector(limits, headerCase, peer)
  }

  read(block: FieldBlock, endStream: boolean, asked: Asked): ResponseHead | HeadFault {
    if (block.tooLarge) return malformed('header list over the limit')
    if (block.fault !== undefined) return malformed(block.fault)
    const status = readStatus(block)
    if (status === undefined) return malformed(':status')
    if (status < 200 && (endStream || status === 101)) return malformed(`status ${status}`)
    return this.#fields.collect(block, 1) ?? this.#build(status, endStream, asked)
  }

  trailers(block: FieldBlock): HeaderList | HeadFault {
    return this.#fields.trailers(block)
  }

  #build(wireStatus: number, endStream: boolean, asked: Asked): ResponseHead | HeadFault {
    const switched = asked.upgrade && isSuccess(wireStatus) && !this.#fields.upgradeDeclined
    const status = switched ? 101 : wireStatus
    const bodyLength = this.#bodyLength(status, endStream, asked)
    if (bodyLength === undefined)
      return malformed('END_STREAM although content-length announces a body')
    return { status, reason: '', headers: this.#fields.headers, version: '2', bodyLength }
  }

  #bodyLength(status: number, endStream: boolean, asked: Asked): number | undefined {
    const { contentLength } = this.#fields
    if (mayAnnounceMore(status, asked)) return contentLength
    if (isBodiless(status)) return 0
    if (asked.connect && isSuccess(status)) return endStream ? 0 : unknownLength
    if (!endStream) return contentLength
    return contentLength > 0 ? undefined : 0
  }
}

function readStatus(block: FieldBlock): number | undefined {
  const text = block.values[0] ?? ''
  const found = block.length > 0 && block.names[0] === ':status' && threeDigits.test(text)
  return found ? Number(text) : undefined
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/** RFC 9110 §8.6: `content-length` there says what a GET would have had. */
export function mayAnnounceMore(status: number, asked: { readonly head: boolean }): boolean {
  return asked.head || status === 304
}

function isBodiless(status: number): boolean {
  return status < 200 || status === 204
}

/** Most bytes that {@link encodeResponseHead} writes. */
export function responseHeadBound(head: ResponseHead): number {
  return fixedFieldsBound + fieldsBound(head.headers)
}

/** How a response is put on the wire. */
interface ResponseEncoding {
  /** Set when the peer takes it. */
  readonly headerCase: HeaderCase | undefined
  /** The request was an extended CONNECT. */
  readonly upgrade: boolean
}

/** Writes the fields of a response whose block the encoder has begun. */
export function encodeResponseHead(
  encoder: HpackEncoder,
  head: ResponseHead,
  encoding: ResponseEncoding,
): void {
  const { status } = head
  encoder.field(':status', status === 101 ? '200' : String(status))
  if (encoding.upgrade && isSuccess(status)) encoder.field(upgradeField, upgradeDeclined)
  encodeFields(encoder, head.headers, encoding.headerCase)
  if (head.bodyLength !== unknownLength && !isBodiless(status))
    encoder.field('content-length', String(head.bodyLength))
}
