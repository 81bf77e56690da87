import { ExchangeError } from '../../base/errors.ts'
import { unknownLength, type RequestHead } from '../message.ts'
import { checkLine, listTokens, requestFaults, type FieldParser, type Fields } from './fields.ts'

/** A request as it came over HTTP/1: the neutral head, and what concerns this connection only. */
export interface ParsedRequest {
  readonly head: RequestHead
  readonly chunked: boolean
  /** The client wants the connection to go on after the answer. */
  readonly keepAlive: boolean
}

/** RFC 9112 §3, stricter: methods are upper-case, so that nobody downstream reads `get` as GET (faults A8). */
const method = /^[A-Z][A-Z0-9_-]*$/
const version = /^HTTP\/\d\.\d$/

/**
 * @param text lines of a head, each with its CRLF.
 * @param parser of the connection.
 * @throws ExchangeError as table A of the fault list says.
 */
export function parseRequest(text: string, parser: FieldParser): ParsedRequest {
  const lineEnd = text.indexOf('\r\n')
  if (lineEnd > parser.limits.maxLineBytes)
    throw new ExchangeError('uri_too_long', 'the request line is too long')
  const line = parseRequestLine(text.slice(0, lineEnd))
  const fields = parser.parse(text, lineEnd + 2)
  checkFraming(fields, line)
  const target = parseTarget(line, fields.host)
  if (line.method === 'CONNECT' && bodyLengthOf(fields) !== 0)
    throw new ExchangeError('bad_request', 'a CONNECT has no body')
  const upgrade = upgradeOf(fields, line)
  const head: RequestHead = {
    method: line.method,
    scheme: target.scheme,
    authority: target.authority,
    path: target.path,
    headers: fields.headers,
    version: line.version,
    bodyLength: bodyLengthOf(fields),
    upgrade,
    expectContinue: expectsContinue(fields, line),
    acceptsTrailers: fields.te !== undefined && listTokens(fields.te).includes('trailers'),
  }
  return { head, chunked: fields.chunked, keepAlive: wantsKeepAlive(fields, line) }
}

interface RequestLine {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
}

function parseRequestLine(line: string): RequestLine {
  checkLine(line, requestFaults)
  const first = line.indexOf(' ')
  const last = line.lastIndexOf(' ')
  if (first <= 0 || line.indexOf(' ', first + 1) !== last || line.includes('\t'))
    throw new ExchangeError('bad_request', 'the request line is not method, target and version')
  const protocol = line.slice(last + 1)
  if (protocol !== 'HTTP/1.1' && protocol !== 'HTTP/1.0')
    throw version.test(protocol)
      ? new ExchangeError('version_not_supported', `${protocol} is not spoken here`)
      : new ExchangeError('bad_request', 'the request line names no HTTP version')
  const verb = line.slice(0, first)
  if (!method.test(verb)) throw new ExchangeError('bad_request', 'malformed method')
  const target = line.slice(first + 1, last)
  return { method: verb, target, version: protocol === 'HTTP/1.1' ? '1.1' : '1.0' }
}

/** Faults A1 and A8: a message whose end two readers could see at different places is refused. */
function checkFraming(fields: Fields, line: RequestLine): void {
  if (!fields.chunked) return
  if (fields.contentLength !== unknownLength)
    throw new ExchangeError('bad_request', 'both Content-Length and Transfer-Encoding')
  if (line.version === '1.0')
    throw new ExchangeError('bad_request', 'Transfer-Encoding in an HTTP/1.0 request')
}

function bodyLengthOf(fields: Fields): number {
  if (fields.chunked) return unknownLength
  return fields.contentLength === unknownLength ? 0 : fields.contentLength
}

interface Target {
  readonly scheme: 'http' | 'https'
  readonly authority: string
  readonly path: string
}

/** A name, an IPv4 or a bracketed IPv6 address, and perhaps a port: no user, no path (faults A9). */
const authorityForm = /^(?:[A-Za-z0-9\-._~!$&'()*+;=%]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/
const portForm = /:\d{1,5}$/
const absoluteForm = /^(https?):\/\/([^/?#]*)(.*)$/i

function parseTarget(
  { method: verb, target, version: spoken }: RequestLine,
  host: string | undefined,
): Target {
  if (host === undefined ? spoken === '1.1' : !authorityForm.test(host))
    throw new ExchangeError('bad_request', 'a request needs exactly one valid Host field')
  if (target.includes('#')) throw new ExchangeError('bad_request', 'a target has no fragment')
  const authority = (host ?? '').toLowerCase()
  if (verb === 'CONNECT') return parseAuthority(target)
  if (target.startsWith('/')) return { scheme: 'http', authority, path: target }
  if (target === '*' && verb === 'OPTIONS') return { scheme: 'http', authority, path: '*' }
  return parseAbsolute(target, verb)
}

/** RFC 9112 §3.2.3: where the tunnel is to lead, whatever `Host` says. */
function parseAuthority(target: string): Target {
  if (!authorityForm.test(target) || !portForm.test(target))
    throw new ExchangeError('bad_request', 'the target of a CONNECT is a host and a port')
  return { scheme: 'http', authority: target.toLowerCase(), path: '' }
}

/** RFC 9112 §3.2.2: the target's authority replaces the Host field; §3.2.4: OPTIONS without a path means `*`. */
function parseAbsolute(target: string, verb: string): Target {
  const [, scheme = '', authority = '', rest = ''] = absoluteForm.exec(target) ?? []
  if (!authorityForm.test(authority))
    throw new ExchangeError('bad_request', 'the request target has no form that its method allows')
  return {
    scheme: scheme.toLowerCase() === 'https' ? 'https' : 'http',
    authority: authority.toLowerCase(),
    path: rest.startsWith('/') ? rest : rest === '' && verb === 'OPTIONS' ? '*' : `/${rest}`,
  }
}

/**
 * Only `websocket` may become a tunnel (faults B7), and a request with a body may not; `h2c` is never taken
 * (faults B8). Any other wish to upgrade is dropped, which RFC 9110 §7.8 allows.
 */
function upgradeOf(fields: Fields, line: RequestLine): string | undefined {
  if (fields.upgrade === undefined || line.version === '1.0') return undefined
  if (fields.connection?.includes('upgrade') !== true) return undefined
  if (fields.upgrade.toLowerCase() !== 'websocket' || bodyLengthOf(fields) !== 0) return undefined
  return line.method === 'GET' ? 'websocket' : undefined
}

/** RFC 9110 §10.1.1; an unknown expectation, or an obfuscated one, gets 417 (faults A5). */
function expectsContinue(fields: Fields, line: RequestLine): boolean {
  if (fields.expect === undefined) return false
  if (fields.expect.toLowerCase() !== '100-continue')
    throw new ExchangeError('expectation_failed', 'only 100-continue can be expected')
  return line.version === '1.1' && bodyLengthOf(fields) !== 0
}

function wantsKeepAlive({ connection }: Fields, line: RequestLine): boolean {
  if (connection === undefined) return line.version === '1.1'
  if (connection.includes('close')) return false
  return line.version === '1.1' || connection.includes('keep-alive')
}
