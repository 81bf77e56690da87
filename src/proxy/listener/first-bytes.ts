import { preface } from '../../http/http2/protocol.ts'
import type { HttpProtocol, WireProtocol } from '../../http/message.ts'

/** So much of a first line is looked at; what is longer is no request line that anybody serves. */
export const maxFirstBytes = 4096

/**
 * Where nothing but HTTP is spoken. RFC 9113 §3.3: HTTP/2 with prior knowledge begins with a preface that was made so
 * that it is no request; what does not begin like it is HTTP/1, and judged there. Undefined: more is needed.
 */
export function httpProtocolOf(bytes: Buffer): HttpProtocol | undefined {
  const length = Math.min(bytes.length, preface.length)
  if (bytes.compare(preface, 0, length, 0, length) !== 0) return 'http/1.1'
  return length < preface.length ? undefined : 'h2'
}

/** Where anything may be spoken: HTTP/1 shows itself by the end of its first line, and the rest is bytes. */
export function wireProtocolOf(bytes: Buffer): WireProtocol | undefined {
  const protocol = httpProtocolOf(bytes)
  if (protocol !== 'http/1.1') return protocol
  const text = bytes.latin1Slice(0, Math.min(bytes.length, maxFirstBytes))
  const lineEnd = text.indexOf('\n')
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd)
  if (!beginsRequestLine(line, lineEnd >= 0)) return 'tcp'
  if (lineEnd >= 0) return 'http/1.1'
  return text.length < maxFirstBytes ? undefined : 'tcp'
}

/** Where a port is declared to be HTTP/2: what is no request of HTTP/1 either is a preface gone wrong. */
export function http2ProtocolOf(bytes: Buffer): HttpProtocol | undefined {
  const protocol = wireProtocolOf(bytes)
  return protocol === 'tcp' ? 'h2' : protocol
}

const method = /^[A-Z][A-Z0-9_-]*$/
const target = /^[\x21-\x7e]*$/
const version = /^HTTP\/1\.\d\r?$/
const versionShape = 'HTTP/1.0\r'
const longestMethod = 32

/** RFC 9112 §3. `whole`: no more of the line will come. */
function beginsRequestLine(line: string, whole: boolean): boolean {
  const [verb = '', path, protocol, more] = line.split(' ', 4)
  if (more !== undefined || verb.length > longestMethod || !method.test(verb)) return false
  if (path !== undefined && !target.test(path)) return false
  if (whole) return protocol !== undefined && version.test(protocol)
  return protocol === undefined || versionShape.startsWith(protocol.replace(/\.\d/, '.0'))
}
