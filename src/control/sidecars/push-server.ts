import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { SocketAddress } from '../../model/bootstrap.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import { verifyServerPeer } from '../../identity/peer.ts'
import { serverTlsOptions } from '../../identity/tls-options.ts'
import { listen, portOf } from '../listen.ts'
import { SidecarSession, type SessionContext } from './sidecar-session.ts'

export interface PushServerOptions {
  readonly address: SocketAddress
  readonly holder: IdentityHolder
  readonly context: SessionContext
}

const handshakeTimeoutMs = 10_000
/** Beyond this new connections are closed at once: each costs some 50 KB. */
const maxConnections = 4096

/** mTLS from sidecars. Strangers may come without a certificate, and then get no further than to ask for one. */
export class PushServer {
  readonly #server: Server
  readonly #holder: IdentityHolder
  readonly #context: SessionContext
  /** Of all connections, and of those with TLS also the socket below it. */
  readonly #sockets = new Set<Socket>()
  readonly #stopRotation: () => void

  private constructor({ holder, context }: Omit<PushServerOptions, 'address'>) {
    this.#holder = holder
    this.#context = context
    const settings = { rejectUnauthorized: false }
    const options = serverTlsOptions(holder.current, settings)
    this.#server = createServer({ ...options, handshakeTimeout: handshakeTimeoutMs })
    this.#server.maxConnections = maxConnections
    this.#server.on('connection', socket => this.#track(socket))
    this.#server.on('secureConnection', socket => this.#accept(socket))
    this.#server.on('tlsClientError', () => context.counters.handshakeFailures++)
    this.#stopRotation = holder.onChange(identity =>
      this.#server.setSecureContext(serverTlsOptions(identity, settings)),
    )
  }

  static async listen({ address, ...options }: PushServerOptions): Promise<PushServer> {
    const server = new PushServer(options)
    await listen(server.#server, address, 'push')
    const { logger } = options.context
    server.#server.on('error', error => logger.error({ error }, 'push port failed'))
    return server
  }

  get port(): number {
    return portOf(this.#server)
  }

  /** Ends all streams at once: sidecars go on with what they have, and come back. */
  async close(): Promise<void> {
    this.#stopRotation()
    const closed = [this.#server.close(), ...this.#sockets].map(
      emitter => new Promise<void>(resolve => emitter.once('close', () => resolve())),
    )
    // Also those that are not through with their handshake.
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #accept(socket: TLSSocket): void {
    const { trustDomain } = this.#holder.current.id
    const identity = verifyServerPeer(socket, trustDomain)
    const certificate = socket.getPeerX509Certificate()
    const session = new SidecarSession(socket, identity, this.#context)
    this.#track(socket)
    if (certificate === undefined) return
    if (identity !== undefined) session.endAt(Date.parse(certificate.validTo))
    else session.refuse(`the certificate is not good for ${trustDomain}: ${reasonOf(socket)}`)
  }
}

/** OpenSSL's word, such as CERT_HAS_EXPIRED; what it does not mind is who the certificate names. */
function reasonOf({ authorized, authorizationError }: TLSSocket): string {
  return authorized ? 'it is another identity' : String(authorizationError)
}
