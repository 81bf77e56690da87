import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { Random } from '../../base/random.ts'
import type { Identity } from '../../identity/identity.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import { verifyServerPeer } from '../../identity/peer.ts'
import { serverTlsOptions } from '../../identity/tls-options.ts'
import { SharedReader, shareReads } from '../../http/shared-reader.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { httpProtocolOf } from './first-bytes.ts'
import { Listener } from './listener.ts'
import { ProtocolDetector } from './protocol-detector.ts'
import { createServerCodec, type ServerCodecOptions } from './server-codec.ts'

export interface InboundListenerOptions extends ServerCodecOptions {
  readonly address: SocketAddress
  readonly identity: IdentityHolder
  readonly random: Random
  /** As of {@link Listener}. */
  readonly sharesPort?: boolean
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
  /** Of connections that come from now on; undefined: they may grow as old as they like. */
  maxConnectionAgeMs: number | undefined
  plainConnections = 0
  handshakeFailures = 0
  readonly #options: InboundListenerOptions
  readonly #tls: tls.Server

  constructor(options: InboundListenerOptions) {
    const { identity, address, now, sharesPort = false } = options
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
      sharesPort,
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
    const { limits, now } = this.#options
    const detector = new ProtocolDetector(socket, {
      timeoutMs: limits.headerTimeoutMs,
      acceptedAt: now(),
      classify: httpProtocolOf,
      start: protocol =>
        createServerCodec(socket, { protocol, maxAgeMs: this.#maxAgeMs() }, this.#options),
    })
    this.listener.track(detector, socket)
  }

  #onSecure(socket: tls.TLSSocket): void {
    socket.on('error', () => socket.destroy())
    const { identity } = this.#options
    const peer = verifyServerPeer(socket, identity.current.id.trustDomain)
    if (peer === undefined) {
      this.handshakeFailures++
      return void socket.destroy()
    }
    const protocol = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    const downstream = { protocol, peerIdentity: peer, maxAgeMs: this.#maxAgeMs() } as const
    const reader = new SharedReader()
    const shares = shareReads(socket, reader)
    const codec = createServerCodec(socket, downstream, this.#options)
    if (shares) reader.attach(codec)
    this.listener.track(codec, socket)
  }

  /** Spread, so that the connections of one moment do not all end in one. */
  #maxAgeMs(): number | undefined {
    const { maxConnectionAgeMs: age } = this
    return age === undefined ? undefined : age * (0.9 + 0.2 * this.#options.random())
  }
}

function tlsOptions(identity: Identity): tls.TlsOptions {
  return serverTlsOptions(identity, { alpn: ['h2', 'http/1.1'], rejectUnauthorized: true })
}
