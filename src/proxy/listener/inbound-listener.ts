import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { Now } from '../../base/clock.ts'
import type { ExchangeError } from '../../base/errors.ts'
import { Http1ServerConnection } from '../../http/http1/server-connection.ts'
import { Http2ServerConnection } from '../../http/http2/server-connection.ts'
import type { HttpLimits } from '../../http/limits.ts'
import type { ConnectionInfo, RequestHandler } from '../../http/stream.ts'
import type { Identity } from '../../identity/identity.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import { verifyServerPeer } from '../../identity/peer.ts'
import { serverTlsOptions } from '../../identity/tls-options.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { Listener } from './listener.ts'
import { renderLocalReply } from '../local-reply.ts'

export interface InboundListenerOptions {
  readonly address: SocketAddress
  readonly identity: IdentityHolder
  readonly limits: HttpLimits
  readonly onRequest: RequestHandler
  readonly onRefused: (error: ExchangeError) => void
  readonly now: Now
}

/** First byte of a TLS record that carries a handshake (RFC 8446 §5.1). */
const tlsHandshake = 0x16
const handshakeTimeoutMs = 5000

/**
 * The port for other sidecars: mTLS, each connection's certificate verified. In permissive mode plain HTTP is
 * taken too, told by its first byte, without an identity, and counted.
 */
export class InboundListener {
  readonly listener: Listener
  /** Set by each snapshot. Strict until one has said otherwise. */
  mtls: 'strict' | 'permissive' = 'strict'
  plainConnections = 0
  handshakeFailures = 0
  readonly #options: InboundListenerOptions
  readonly #tls: tls.Server

  constructor(options: InboundListenerOptions) {
    const { identity, address, now } = options
    this.#options = options
    this.#tls = tls.createServer({
      ...tlsOptions(identity.current),
      handshakeTimeout: handshakeTimeoutMs,
    })
    this.#tls.on('secureConnection', socket => this.#onSecure(socket))
    this.#tls.on('tlsClientError', (_error, socket) => {
      this.handshakeFailures++
      socket.destroy()
    })
    // New handshakes show the renewed certificate; connections that stand go on.
    identity.onChange(renewed => this.#tls.setSecureContext(tlsOptions(renewed)))
    this.listener = new Listener({
      purpose: 'inbound mTLS; move it with sidecar.inboundPort of the Workload',
      address,
      accept: socket => this.#accept(socket),
      now,
    })
  }

  #accept(socket: Socket): void {
    if (this.mtls === 'strict') return this.#startTls(socket)
    socket.setTimeout(this.#options.limits.headerTimeoutMs, () => socket.destroy())
    socket.once('readable', () => {
      socket.setTimeout(0)
      const first: Buffer | null = socket.read()
      if (first === null) return void socket.destroy()
      socket.unshift(first)
      if (first[0] === tlsHandshake) this.#startTls(socket)
      else this.#servePlain(socket)
    })
  }

  #startTls(socket: Socket): void {
    // Node's own way to hand a socket that somebody else accepted to a TLS server.
    this.#tls.emit('connection', socket)
  }

  #servePlain(socket: Socket): void {
    this.plainConnections++
    this.#serveHttp1(socket, infoOf(socket, undefined))
  }

  #onSecure(socket: tls.TLSSocket): void {
    socket.on('error', () => socket.destroy())
    const { identity } = this.#options
    const peer = verifyServerPeer(socket, identity.current.id.trustDomain)
    if (peer === undefined) {
      this.handshakeFailures++
      return void socket.destroy()
    }
    const info = infoOf(socket, peer)
    if (socket.alpnProtocol === 'h2') this.#serveHttp2(socket, info)
    else this.#serveHttp1(socket, info)
  }

  #serveHttp2(socket: tls.TLSSocket, info: ConnectionInfo): void {
    const { limits, onRequest, onRefused, now } = this.#options
    const connection = new Http2ServerConnection(socket, {
      limits,
      info,
      onRequest,
      onRefused,
      now,
    })
    this.listener.track(connection, socket)
  }

  #serveHttp1(socket: Socket, info: ConnectionInfo): void {
    const { limits, onRequest, onRefused, now } = this.#options
    const connection = new Http1ServerConnection(socket, {
      limits,
      info,
      onRequest,
      onRefused,
      now,
      renderError: renderLocalReply,
    })
    this.listener.track(connection, socket)
  }
}

function tlsOptions(identity: Identity): tls.TlsOptions {
  return serverTlsOptions(identity, { alpn: ['h2', 'http/1.1'], rejectUnauthorized: true })
}

function infoOf(socket: Socket, peerIdentity: string | undefined): ConnectionInfo {
  return { remoteAddress: socket.remoteAddress ?? '', peerIdentity }
}
