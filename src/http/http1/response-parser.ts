import { ExchangeError } from '../../base/errors.ts'
import { unknownLength, type ResponseHead } from '../message.ts'
import { checkLine, responseFaults, type FieldParser, type Fields } from './fields.ts'

/** How the body of an answer ends (RFC 9112 §6.3). */
type ResponseFraming = 'none' | 'length' | 'chunked' | 'until-close'

export interface ParsedResponse {
  readonly head: ResponseHead
  readonly framing: ResponseFraming
  readonly keepAlive: boolean
  /** Seconds of `Keep-Alive: timeout=`, after which the server closes the idle connection. */
  readonly keepAliveSeconds: number | undefined
  /** Protocol of a 101. */
  readonly upgrade: string | undefined
}

const statusLine = /^HTTP\/1\.[01] [1-9]\d\d(?: |$)/

/**
 * @param method of the request that it answers.
 * @param parser of the connection.
 * @throws ExchangeError `upstream_protocol`
 */
export function parseResponse(text: string, method: string, parser: FieldParser): ParsedResponse {
  const lineEnd = text.indexOf('\r\n')
  const line = text.slice(0, lineEnd)
  if (!statusLine.test(line) || lineEnd > parser.limits.maxLineBytes)
    throw new ExchangeError('upstream_protocol', 'malformed status line')
  const status = Number(line.slice(9, 12))
  checkLine(line, responseFaults)
  const fields = parser.parse(text, lineEnd + 2)
  if (fields.chunked && fields.contentLength !== unknownLength)
    throw new ExchangeError('upstream_protocol', 'both Content-Length and Transfer-Encoding')
  const framing = framingOf(status, method, fields)
  const head: ResponseHead = {
    status,
    reason: line.slice(13),
    headers: fields.headers,
    version: line[7] === '1' ? '1.1' : '1.0',
    bodyLength: announcedLength(status, fields, framing),
  }
  return {
    head,
    framing,
    keepAlive: isClearlyFramed(head, framing, fields) && wantsKeepAlive(fields, head.version),
    keepAliveSeconds: keepAliveSeconds(fields.keepAlive),
    upgrade: fields.upgrade?.toLowerCase(),
  }
}

function framingOf(status: number, method: string, fields: Fields): ResponseFraming {
  if (isBodyless(status, method)) return 'none'
  if (fields.chunked) return 'chunked'
  if (fields.contentLength === unknownLength) return 'until-close'
  return fields.contentLength === 0 ? 'none' : 'length'
}

/** Whether both ends are sure to see the end of the answer at the same place. */
function isClearlyFramed(
  { status, version }: ResponseHead,
  framing: ResponseFraming,
  { chunked, contentLength }: Fields,
): boolean {
  if (framing === 'until-close') return false
  // RFC 9112 §6.1: an HTTP/1.0 message cannot be chunked; RFC 9110 §8.6: 204 has no length.
  if (chunked) return version === '1.1' && status !== 204
  return status !== 204 || contentLength <= 0
}

/** RFC 9110 §6.4.1. */
export function isBodyless(status: number, method: string): boolean {
  return method === 'HEAD' || status === 204 || status === 304 || status < 200
}

/** For answers without a body by rule, what `Content-Length` would have been. */
function announcedLength(status: number, fields: Fields, framing: ResponseFraming): number {
  if (framing !== 'none' || status === 304) return fields.contentLength
  if (status === 204 || status < 200) return 0
  return fields.contentLength
}

function wantsKeepAlive({ connection }: Fields, version: string): boolean {
  if (connection === undefined) return version === '1.1'
  if (connection.includes('close')) return false
  return version === '1.1' || connection.includes('keep-alive')
}

function keepAliveSeconds(value: string | undefined): number | undefined {
  const seconds =
    value === undefined ? undefined : /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
