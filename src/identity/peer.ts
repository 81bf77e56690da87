import type { TLSSocket } from 'node:tls'
import { ExchangeError } from '../base/errors.ts'
import { readSvid, type SvidReading } from './certificate.ts'

/**
 * Who the client of a server's socket is: a SPIFFE ID of our trust domain that TLS has verified, or undefined.
 * A certificate that was merely shown counts for nothing.
 */
export function verifyServerPeer(socket: TLSSocket, trustDomain: string): string | undefined {
  if (!socket.authorized) return undefined
  const reading = readPeer(socket)
  if ('problem' in reading || reading.id.trustDomain !== trustDomain) return undefined
  return reading.uri
}

/**
 * Why the server of a client's socket must not be talked to; undefined when it is exactly `expected`. To be asked once
 * for a connection: Node 24 hands out the server's certificate a single time.
 */
export function verifyClientPeer(socket: TLSSocket, expected: string): ExchangeError | undefined {
  if (!socket.authorized)
    return new ExchangeError(
      'tls_failed',
      'the peer showed no certificate of our trust domain',
      socket.authorizationError,
    )
  const reading = readPeer(socket)
  if ('problem' in reading)
    return new ExchangeError(
      'identity_mismatch',
      `expected ${expected}, the peer's certificate is no SVID: ${reading.problem}`,
    )
  if (reading.uri !== expected)
    return new ExchangeError(
      'identity_mismatch',
      `expected ${expected}, the peer is ${reading.uri}`,
    )
  return undefined
}

function readPeer(socket: TLSSocket): SvidReading {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined
    ? { problem: 'there is no certificate' }
    : readSvid(certificate.raw)
}
