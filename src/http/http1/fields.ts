import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import { HeaderList } from '../headers.ts'
import type { HttpLimits } from '../limits.ts'
import { unknownLength } from '../message.ts'
import { fieldName, fieldRole, isToken } from './field-names.ts'
import { KnownLines, type FieldLine } from './known-lines.ts'

/** Which errors a malformed message of this side is. */
export interface FaultCodes {
  readonly malformed: ErrorCode
  readonly tooLarge: ErrorCode
  /** Of the first line. */
  readonly lineTooLong: ErrorCode
  readonly unsupported: ErrorCode
}

export const requestFaults: FaultCodes = {
  malformed: 'bad_request',
  tooLarge: 'headers_too_large',
  lineTooLong: 'uri_too_long',
  unsupported: 'not_implemented',
}

export const responseFaults: FaultCodes = {
  malformed: 'upstream_protocol',
  tooLarge: 'upstream_protocol',
  lineTooLong: 'upstream_protocol',
  unsupported: 'upstream_protocol',
}

/** The header fields of one message: those to pass on, and what the others said. */
export class Fields {
  readonly headers = new HeaderList()
  /** {@link unknownLength} when absent. */
  contentLength = unknownLength
  chunked = false
  /** Lower-case tokens of `Connection`; undefined when absent. */
  connection: string[] | undefined
  host: string | undefined
  upgrade: string | undefined
  expect: string | undefined
  te: string | undefined
  keepAlive: string | undefined
  transferCoding: string | undefined
}

/** Control bytes and bytes beyond ASCII (faults A7), CR and LF that are not the line's end among them. */
const illegalInLine = /[^\t\x20-\x7e]/

/** @throws ExchangeError when the text, without its CRLF, cannot be a line of a head. */
export function checkLine(text: string, faults: FaultCodes): void {
  if (illegalInLine.test(text))
    throw new ExchangeError(faults.malformed, 'the head holds a byte that no head may hold')
}

/** Parses the fields of the heads of one connection, or of one body's trailers. */
export class FieldParser {
  readonly limits: HttpLimits
  readonly #faults: FaultCodes
  readonly #known = new KnownLines()

  constructor(limits: HttpLimits, faults: FaultCodes) {
    this.limits = limits
    this.#faults = faults
  }

  /**
   * The fields in the lines of `text` from `start`, each ended by CRLF.
   * @throws ExchangeError
   */
  parse(text: string, start: number): Fields {
    const { maxHeaderCount, maxLineBytes } = this.limits
    const fields = new Fields()
    let index = 0
    for (let at = start; at < text.length; index++) {
      const end = text.indexOf('\r\n', at)
      if (index >= maxHeaderCount || end - at > maxLineBytes)
        throw new ExchangeError(this.#faults.tooLarge, 'too many header fields, or one too long')
      addField(fields, this.#lineAt(index, text.slice(at, end + 2), text.length), this.#faults)
      at = end + 2
    }
    // Each option of Connection is looked up among all fields: the product has to be bounded too.
    if (fields.connection !== undefined && fields.connection.length > maxHeaderCount)
      throw new ExchangeError(this.#faults.tooLarge, 'too many connection options')
    dropConnectionFields(fields)
    return fields
  }

  #lineAt(index: number, text: string, headLength: number): FieldLine {
    const known = this.#known.find(index, text)
    if (known !== undefined) return known
    const line = parseLine(text, this.#faults)
    this.#known.remember(index, line, headLength)
    return line
  }
}

/** A folded line (RFC 9112 §5.2) has no name either. */
function parseLine(text: string, faults: FaultCodes): FieldLine {
  const colon = text.indexOf(':')
  if (colon < 0) throw new ExchangeError(faults.malformed, 'a header line has no colon')
  const rawName = text.slice(0, colon)
  const entry = fieldName(rawName)
  if (entry === undefined)
    throw new ExchangeError(
      faults.malformed,
      `a header name is no token: ${JSON.stringify(rawName)}`,
    )
  const value = trimmed(text, colon + 1, text.length - 2)
  checkLine(value, faults)
  return { text, rawName, entry, value }
}

/** Without optional white space around (RFC 9110 §5.6.3). */
function trimmed(text: string, start: number, end: number): string {
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9
}

function addField(fields: Fields, line: FieldLine, faults: FaultCodes): void {
  const { entry, rawName, value } = line
  if (entry.role === fieldRole.plain) fields.headers.appendParsed(entry.name, rawName, value)
  else takeControlField(fields, entry.role, value, faults)
}

function takeControlField(fields: Fields, role: number, value: string, faults: FaultCodes): void {
  switch (role) {
    case fieldRole.contentLength:
      return takeContentLength(fields, value, faults)
    case fieldRole.transferEncoding:
      return takeTransferEncoding(fields, value, faults)
    case fieldRole.connection:
      fields.connection = (fields.connection ?? []).concat(listTokens(value))
      return
    case fieldRole.host:
      if (fields.host !== undefined) throw new ExchangeError(faults.malformed, 'two Host fields')
      fields.host = value
      return
    case fieldRole.upgrade:
      fields.upgrade = joined(fields.upgrade, value)
      return
    case fieldRole.expect:
      fields.expect = joined(fields.expect, value)
      return
    case fieldRole.te:
      fields.te = joined(fields.te, value)
      return
    case fieldRole.keepAlive:
      fields.keepAlive = value
      return
  }
}

/** RFC 9110 §5.3: lines of the same name are one list. */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`
}

/** Up to 15 digits: exact as a number, and far beyond any body. */
const decimal = /^(?:0|[1-9]\d{0,14})$/

/** One canonical decimal and nothing else: every other spelling is read differently by somebody (faults A3). */
function takeContentLength(fields: Fields, value: string, faults: FaultCodes): void {
  if (fields.contentLength !== unknownLength)
    throw new ExchangeError(faults.malformed, 'two Content-Length fields')
  if (!decimal.test(value))
    throw new ExchangeError(faults.malformed, `malformed Content-Length ${JSON.stringify(value)}`)
  fields.contentLength = Number(value)
}

/** `chunked` alone is understood (faults A2); another well-formed coding is honest but not supported. */
function takeTransferEncoding(fields: Fields, value: string, faults: FaultCodes): void {
  if (fields.transferCoding !== undefined)
    throw new ExchangeError(faults.malformed, 'two Transfer-Encoding fields')
  fields.transferCoding = value
  if (value.toLowerCase() === 'chunked') {
    fields.chunked = true
    return
  }
  const codings = value.split(',').map(coding => coding.trim().toLowerCase())
  const chunkedAt = codings.indexOf('chunked')
  const wellFormed = codings.every(isToken) && (chunkedAt < 0 || chunkedAt === codings.length - 1)
  throw new ExchangeError(
    wellFormed ? faults.unsupported : faults.malformed,
    `Transfer-Encoding ${JSON.stringify(value)} is not chunked`,
  )
}

/** Lower-case elements of a comma-separated list. */
export function listTokens(value: string): string[] {
  // perf: bench pair-100B. Nearly all are `keep-alive` or `close`.
  if (isToken(value)) return [value.toLowerCase()]
  return value
    .toLowerCase()
    .split(',')
    .map(element => element.trim())
    .filter(element => element !== '')
}

/** Fields that `Connection` names are for this hop only (RFC 9110 §7.6.1, faults C1). */
function dropConnectionFields({ connection, headers }: Fields): void {
  if (connection === undefined) return
  for (const name of connection) if (name !== 'close' && name !== 'keep-alive') headers.delete(name)
}
