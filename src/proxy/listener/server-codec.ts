import type { Socket } from 'node:net'
import type { Now } from '../../base/clock.ts'
import type { ExchangeError } from '../../base/errors.ts'
import { Http1ServerConnection } from '../../http/http1/server-connection.ts'
import { Http2ServerConnection } from '../../http/http2/server-connection.ts'
import type { HttpLimits } from '../../http/limits.ts'
import type { WireProtocol } from '../../http/message.ts'
import type { ChunkReceiver } from '../../http/shared-reader.ts'
import type { RequestHandler, ServerConnection } from '../../http/stream.ts'
import { TcpServerConnection, type Provisional } from '../../http/tcp/server-connection.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { renderLocalReply } from '../local-reply.ts'

/** What the codecs of a listener's connections have in common. */
export interface ServerCodecOptions {
  readonly limits: HttpLimits
  readonly onRequest: RequestHandler
  /** A request was refused before any handler saw it. */
  readonly onRefused: (error: ExchangeError) => void
  readonly now: Now
}

/** A codec on a socket. What the socket reads reaches it by 'data' events or by {@link ChunkReceiver.receive}. */
export type ServerCodec = ServerConnection & ChunkReceiver

interface Downstream {
  readonly protocol: WireProtocol
  /** SPIFFE ID of the certificate that the socket's peer has proven. */
  readonly peerIdentity?: string | undefined
  /** Where raw bytes go, host:port. */
  readonly authority?: string | undefined
  readonly provisional?: Provisional | undefined
  readonly originalDestination?: SocketAddress | undefined
  /** Of HTTP/2. */
  readonly maxAgeMs?: number | undefined
}

export function createServerCodec(
  socket: Socket,
  downstream: Downstream,
  { limits, onRequest, onRefused, now }: ServerCodecOptions,
): ServerCodec {
  const { protocol, peerIdentity, authority = '', provisional, maxAgeMs } = downstream
  const { originalDestination } = downstream
  const info = { remoteAddress: socket.remoteAddress ?? '', peerIdentity, originalDestination }
  const options = { limits, onRequest, onRefused, now, info }
  switch (protocol) {
    case 'h2':
      return new Http2ServerConnection(socket, { ...options, maxAgeMs })
    case 'tcp':
      return new TcpServerConnection(socket, { ...options, authority, provisional })
    case 'http/1.1':
      return new Http1ServerConnection(socket, { ...options, renderError: renderLocalReply })
  }
}
