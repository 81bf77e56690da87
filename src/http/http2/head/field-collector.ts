import type { ErrorCode } from '../../../base/errors.ts'
import { HeaderList } from '../../headers.ts'
import type { HttpLimits } from '../../limits.ts'
import { unknownLength } from '../../message.ts'
import type { FieldBlock } from '../hpack/field-block.ts'
import type { PeerSettings } from '../settings.ts'
import { headerCaseField, upgradeDeclined, upgradeField } from './private-fields.ts'
import type { HeaderCase } from './private-fields.ts'

/** Why a head was refused; costs its stream, never the connection. */
export class HeadFault {
  readonly code: ErrorCode
  readonly message: string

  constructor(code: ErrorCode, message: string) {
    this.code = code
    this.message = message
  }
}

type FieldKind =
  | 'connection'
  | 'te'
  | 'host'
  | 'content-length'
  | 'cookie'
  | 'expect'
  | 'header-case'
  | 'upgrade-declined'

/** Fields that a head does not hold as they came. */
const fieldKinds = new Map<string, FieldKind>([
  // RFC 9113 §8.2.2: connection-specific, so malformed.
  ['connection', 'connection'],
  ['proxy-connection', 'connection'],
  ['keep-alive', 'connection'],
  ['transfer-encoding', 'connection'],
  ['upgrade', 'connection'],
  ['te', 'te'],
  ['host', 'host'],
  ['content-length', 'content-length'],
  ['cookie', 'cookie'],
  ['expect', 'expect'],
  [headerCaseField, 'header-case'],
  [upgradeField, 'upgrade-declined'],
])

const kindKeys = new Uint8Array(1024)
for (const name of fieldKinds.keys()) kindKeys[kindKey(name)] = 1

/** A small number that few names share. */
function kindKey(name: string): number {
  return ((name.charCodeAt(0) & 31) << 5) | (name.length & 31)
}

/** For certain none of {@link fieldKinds}. perf: bench pair-100B. It spares most names the search in the map. */
function isOrdinary(name: string): boolean {
  return kindKeys[kindKey(name)] === 0
}

/** RFC 9110 §6.5.1: framing, routing, authentication and content format must not come late. */
const forbiddenTrailers = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'trailer',
  'host',
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'expect',
  'max-forwards',
  'range',
  headerCaseField,
  upgradeField,
])

const colon = 0x3a
const decimal = /^\d{1,15}$/

/** Sorts the regular fields of a head into a header list and what the codec itself must know. */
export class FieldCollector {
  readonly #limits: HttpLimits
  readonly #headerCase: HeaderCase
  readonly #peer: PeerSettings
  headers = new HeaderList()
  /** {@link unknownLength} when the field is absent. */
  contentLength = unknownLength
  host: string | undefined
  acceptsTrailers = false
  expectContinue = false
  upgradeDeclined = false
  #spelling: string | undefined
  #cookieAt = -1

  constructor(limits: HttpLimits, headerCase: HeaderCase, peer: PeerSettings) {
    this.#limits = limits
    this.#headerCase = headerCase
    this.#peer = peer
  }

  /** Takes the fields from index `from` on, in place of those of the head before. */
  collect(block: FieldBlock, from: number): HeadFault | undefined {
    this.#clear()
    for (let i = from; i < block.length; i++) {
      const name = block.names[i] ?? ''
      const value = block.values[i] ?? ''
      if (name.length + value.length > this.#limits.maxLineBytes)
        return new HeadFault('headers_too_large', `field of ${value.length} bytes`)
      const kind = isOrdinary(name) ? undefined : fieldKinds.get(name)
      if (kind !== undefined) {
        const fault = this.#collectSpecial(kind, name, value)
        if (fault !== undefined) return fault
      } else if (name.charCodeAt(0) === colon) return malformed('pseudo-header field after others')
      else this.headers.appendParsed(name, name, value)
    }
    if (this.#spelling !== undefined && this.#peer.weftFields)
      this.#headerCase.apply(this.#spelling, this.headers)
    return undefined
  }

  /** Trailing fields, without those that must not come late. */
  trailers(block: FieldBlock): HeaderList | HeadFault {
    if (block.tooLarge) return malformed('trailers over the limit')
    if (block.fault !== undefined) return malformed(block.fault)
    const trailers = new HeaderList()
    for (let i = 0; i < block.length; i++) {
      const name = block.names[i] ?? ''
      if (name.charCodeAt(0) === colon) return malformed('pseudo-header field among trailers')
      if (fieldKinds.get(name) === 'connection') return malformed('connection field among trailers')
      if (!forbiddenTrailers.has(name)) trailers.appendParsed(name, name, block.values[i] ?? '')
    }
    return trailers
  }

  #clear(): void {
    this.headers = new HeaderList()
    this.contentLength = unknownLength
    this.host = undefined
    this.acceptsTrailers = false
    this.expectContinue = false
    this.upgradeDeclined = false
    this.#spelling = undefined
    this.#cookieAt = -1
  }

  #collectSpecial(kind: FieldKind, name: string, value: string): HeadFault | undefined {
    switch (kind) {
      case 'connection':
        return malformed(`connection-specific field ${name}`)
      case 'content-length':
        return this.#collectLength(value)
      case 'host':
        return this.#collectHost(value)
      case 'te':
        this.acceptsTrailers = value.toLowerCase() === 'trailers'
        return this.acceptsTrailers ? undefined : malformed('te other than trailers')
      case 'expect':
        this.expectContinue = value.toLowerCase() === '100-continue'
        return this.expectContinue ? undefined : new HeadFault('expectation_failed', 'expect')
      case 'cookie':
        this.#collectCookie(value)
        return undefined
      case 'header-case':
        this.#spelling = value
        return undefined
      case 'upgrade-declined':
        this.upgradeDeclined = value === upgradeDeclined && this.#peer.weftFields
        return undefined
    }
  }

  #collectLength(value: string): HeadFault | undefined {
    if (!decimal.test(value)) return malformed('content-length is not a number')
    const length = Number(value)
    if (this.contentLength !== unknownLength && this.contentLength !== length)
      return malformed('two values of content-length')
    this.contentLength = length
    return undefined
  }

  #collectHost(value: string): HeadFault | undefined {
    const host = value.toLowerCase()
    if (this.host !== undefined && this.host !== host) return malformed('two values of host')
    this.host = host
    return undefined
  }

  /** RFC 9113 §8.2.3: crumbs become one field again, for HTTP/1.1 and for whoever reads `get('cookie')`. */
  #collectCookie(value: string): void {
    const { headers } = this
    if (this.#cookieAt >= 0) {
      headers.values[this.#cookieAt] = `${headers.values[this.#cookieAt]}; ${value}`
      return
    }
    this.#cookieAt = headers.length
    headers.appendParsed('cookie', 'cookie', value)
  }
}

export function malformed(message: string): HeadFault {
  return new HeadFault('bad_request', message)
}
