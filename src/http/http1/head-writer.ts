import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import { unknownLength, type RequestHead, type ResponseHead } from '../message.ts'
import { reasonPhrase } from '../reason-phrase.ts'
import { fieldName, fieldRole, isToken } from './field-names.ts'

/** Bytes that would end a line or a head early, wherever the text came from (faults A7). */
const illegalInLine = /[^\t\x20-\x7e]/
const illegalInTarget = /[^\x21-\x7e]/

/**
 * Lines of all fields, each ended by CRLF.
 * @throws ExchangeError of code `fault` when a name or value, from an HTTP/2 peer or a filter, would break out.
 */
function fieldLines({ names, values, rawNames }: HeaderList, fault: Fault): string {
  const spelled = rawNames ?? names
  let lines = ''
  for (let i = 0; i < names.length; i++) {
    const name = spelled[i] ?? ''
    const value = values[i] ?? ''
    const entry = fieldName(name)
    if (entry === undefined || illegalInLine.test(value))
      throw new ExchangeError(fault, 'a header field holds a byte that no header may hold')
    // Framing is the writer's alone: whatever a peer or a filter put here would be a second opinion (faults A1).
    if (entry.role !== fieldRole.plain) continue
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

type Fault = 'bad_request' | 'upstream_protocol'

/** How a message's body is framed by its writer. */
export type OutgoingFraming = 'none' | 'length' | 'chunked' | 'until-close'

/** @throws ExchangeError `bad_request`: the head, from an HTTP/2 peer or a filter, cannot stand in HTTP/1. */
export function writeRequestHead(head: RequestHead, framing: OutgoingFraming): string {
  if (!isToken(head.method) || illegalInTarget.test(head.path) || head.path === '')
    throw new ExchangeError('bad_request', 'malformed method or target')
  if (illegalInTarget.test(head.authority))
    throw new ExchangeError('bad_request', 'malformed authority')
  let text = `${head.method} ${head.path} HTTP/1.1\r\nHost: ${head.authority}\r\n`
  text += fieldLines(head.headers, 'bad_request')
  if (framing === 'length') text += `Content-Length: ${head.bodyLength}\r\n`
  else if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  else if (announcesEmptyBody(head.method)) text += 'Content-Length: 0\r\n'
  if (head.expectContinue) text += 'Expect: 100-continue\r\n'
  if (head.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`
  else if (head.acceptsTrailers) text += 'Connection: TE\r\nTE: trailers\r\n'
  return `${text}\r\n`
}

/** RFC 9110 §8.6: methods that usually carry a body say that there is none. */
function announcesEmptyBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

export interface ResponseLine {
  readonly framing: OutgoingFraming
  /** Value of `Connection`; undefined: none needed. */
  readonly connection: 'close' | 'keep-alive' | 'Upgrade' | undefined
  /** Protocol of a 101. */
  readonly upgrade: string | undefined
  /** The answer has no body by rule (HEAD, 204, 304, 1xx): its length is repeated where one was given. */
  readonly bodyless: boolean
}

/** @throws ExchangeError `upstream_protocol`: the head cannot stand in HTTP/1. */
export function writeResponseHead(head: ResponseHead, line: ResponseLine): string {
  const reason = head.reason === '' ? reasonPhrase(head.status) : head.reason
  if (illegalInLine.test(reason))
    throw new ExchangeError('upstream_protocol', 'malformed reason phrase')
  let text = `HTTP/1.1 ${head.status} ${reason}\r\n`
  text += fieldLines(head.headers, 'upstream_protocol')
  if (line.framing === 'length' || repeatsLength(head, line))
    text += `Content-Length: ${head.bodyLength}\r\n`
  else if (line.framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  if (line.connection !== undefined) text += `Connection: ${line.connection}\r\n`
  if (line.upgrade !== undefined) text += `Upgrade: ${line.upgrade}\r\n`
  return `${text}\r\n`
}

/** An empty body is announced; HEAD and 304 repeat what was known; 1xx and 204 have no length (RFC 9110 §8.6). */
function repeatsLength(
  { status, bodyLength }: ResponseHead,
  { framing, bodyless }: ResponseLine,
): boolean {
  if (framing !== 'none' || status < 200 || status === 204) return false
  return bodyless ? bodyLength !== unknownLength : true
}

/** The last chunk, with trailers if there are any. @throws ExchangeError */
export function writeLastChunk(trailers: HeaderList | undefined, fault: Fault): string {
  return trailers === undefined ? '0\r\n\r\n' : `0\r\n${fieldLines(trailers, fault)}\r\n`
}
