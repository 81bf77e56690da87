import type { HeaderList } from '../../headers.ts'
import type { HttpLimits } from '../../limits.ts'
import { unknownLength } from '../../message.ts'
import type { RequestHead } from '../../message.ts'
import type { HpackEncoder } from '../hpack/encoder.ts'
import type { FieldBlock } from '../hpack/field-block.ts'
import type { PeerSettings } from '../settings.ts'
import { FieldCollector, HeadFault, malformed } from './field-collector.ts'
import { encodeFields, fieldsBound, fixedFieldsBound } from './field-encoding.ts'
import type { HeaderCase } from './private-fields.ts'

const methodToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** What RFC 3986 §3.2 cannot hold, and the user information that RFC 9113 §8.3.1 forbids. */
const notAuthority = /[\t "#/<>?@\\^`{|}]/
const notPath = /[\t #]/

/** Turns header blocks into request heads by the rules of RFC 9113 §8.2 and §8.3 and RFC 8441. */
export class RequestHeadReader {
  readonly #limits: HttpLimits
  readonly #fields: FieldCollector
  #method: string | undefined
  #scheme: string | undefined
  #authority: string | undefined
  #path: string | undefined
  #protocol: string | undefined
  /** The last one found good: the same callers name the same hosts. */
  #goodAuthority: string | undefined

  constructor(limits: HttpLimits, headerCase: HeaderCase, peer: PeerSettings) {
    this.#limits = limits
    this.#fields = new FieldCollector(limits, headerCase, peer)
  }

  read(block: FieldBlock, endStream: boolean): RequestHead | HeadFault {
    if (block.tooLarge) return new HeadFault('headers_too_large', 'header list over the limit')
    if (block.fault !== undefined) return malformed(block.fault)
    const regularAt = this.#readPseudo(block)
    if (regularAt instanceof HeadFault) return regularAt
    return (
      this.#fields.collect(block, regularAt) ??
      this.#checkTarget() ??
      this.#checkLength(endStream) ??
      this.#build(endStream)
    )
  }

  trailers(block: FieldBlock): HeaderList | HeadFault {
    return this.#fields.trailers(block)
  }

  #readPseudo(block: FieldBlock): number | HeadFault {
    this.#method = undefined
    this.#scheme = undefined
    this.#authority = undefined
    this.#path = undefined
    this.#protocol = undefined
    let i = 0
    for (; i < block.length; i++) {
      const name = block.names[i] ?? ''
      if (name.charCodeAt(0) !== 0x3a) break
      if (!this.#takePseudo(name, block.values[i] ?? '')) return malformed(`unexpected ${name}`)
    }
    return i
  }

  /** @returns false when the field is unknown or came before. */
  #takePseudo(name: string, value: string): boolean {
    let before: string | undefined
    switch (name) {
      case ':method':
        before = this.#method
        this.#method = value
        break
      case ':scheme':
        before = this.#scheme
        this.#scheme = value
        break
      case ':authority':
        before = this.#authority
        this.#authority = value
        break
      case ':path':
        before = this.#path
        this.#path = value
        break
      case ':protocol':
        before = this.#protocol
        this.#protocol = value
        break
      default:
        return false
    }
    return before === undefined
  }

  #checkTarget(): HeadFault | undefined {
    if (this.#method === undefined || !methodToken.test(this.#method)) return malformed(':method')
    if (this.#method !== 'CONNECT') {
      if (this.#protocol !== undefined) return malformed(':protocol without CONNECT')
      return this.#checkPath() ?? this.#checkAuthority()
    }
    if (this.#protocol !== undefined) return this.#checkPath() ?? this.#checkAuthority()
    if (this.#scheme !== undefined || this.#path !== undefined)
      return malformed('CONNECT with :scheme or :path')
    return this.#checkAuthority()
  }

  #checkPath(): HeadFault | undefined {
    if (this.#scheme !== 'http' && this.#scheme !== 'https') return malformed(':scheme')
    const path = this.#path ?? ''
    if (path.length > this.#limits.maxLineBytes) return new HeadFault('uri_too_long', ':path')
    const starts = path.startsWith('/') || (path === '*' && this.#method === 'OPTIONS')
    return starts && !notPath.test(path) ? undefined : malformed(':path')
  }

  /** Exactly one authority, or a caller could be routed by one and authorised by another. */
  #checkAuthority(): HeadFault | undefined {
    const { host } = this.#fields
    const authority = this.#authority ?? host ?? ''
    if (authority !== this.#goodAuthority) {
      const lower = authority.toLowerCase()
      if (lower === '' || notAuthority.test(lower)) return malformed(':authority')
      this.#goodAuthority = authority === lower ? authority : undefined
      this.#authority = lower
    } else this.#authority = authority
    return host === undefined || host === this.#authority
      ? undefined
      : malformed('host differs from :authority')
  }

  #checkLength(endStream: boolean): HeadFault | undefined {
    const { contentLength } = this.#fields
    if (contentLength === unknownLength) return undefined
    if (this.#method === 'CONNECT') return malformed('CONNECT with content-length')
    return endStream && contentLength > 0
      ? malformed('END_STREAM although content-length announces a body')
      : undefined
  }

  #build(endStream: boolean): RequestHead {
    const fields = this.#fields
    const upgrade = this.#protocol?.toLowerCase()
    // RFC 8441 §5: an extended CONNECT stands for the GET of an HTTP/1.1 upgrade.
    const method = upgrade === undefined ? (this.#method ?? '') : 'GET'
    return {
      method,
      scheme: this.#scheme === 'https' ? 'https' : 'http',
      authority: this.#authority ?? '',
      path: this.#path ?? '',
      headers: fields.headers,
      version: '2',
      // A tunnel has no body; what comes before it is there is kept for it.
      bodyLength:
        endStream || upgrade !== undefined || method === 'CONNECT' ? 0 : fields.contentLength,
      upgrade,
      expectContinue: fields.expectContinue,
      acceptsTrailers: fields.acceptsTrailers,
    }
  }
}

/** Most bytes that {@link encodeRequestHead} writes. */
export function requestHeadBound(head: RequestHead): number {
  const { method, authority, path, upgrade = '' } = head
  const pseudo = method.length + authority.length + path.length + upgrade.length
  return pseudo + fixedFieldsBound + fieldsBound(head.headers)
}

/** Writes the fields of a request whose block the encoder has begun. `headerCase`: set when the peer takes it. */
export function encodeRequestHead(
  encoder: HpackEncoder,
  head: RequestHead,
  headerCase: HeaderCase | undefined,
): void {
  if (head.upgrade !== undefined) {
    encoder.field(':method', 'CONNECT')
    encoder.field(':protocol', head.upgrade)
  } else encoder.field(':method', head.method)
  encoder.field(':authority', head.authority)
  if (head.method !== 'CONNECT') {
    encoder.field(':scheme', head.scheme)
    encoder.field(':path', head.path)
  }
  encodeFields(encoder, head.headers, headerCase)
  if (head.bodyLength > 0) encoder.field('content-length', String(head.bodyLength))
  if (head.acceptsTrailers) encoder.field('te', 'trailers')
  if (head.expectContinue) encoder.field('expect', '100-continue')
}
