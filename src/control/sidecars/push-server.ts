import { once } from 'node:events'
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
  readonly #sessions = new Set<SidecarSession>()
  readonly #stopRotation: () => void

  private constructor({ holder, context }: Omit<PushServerOptions, 'address'>) {
    this.#holder = holder
    this.#context = context
    const settings = { rejectUnauthorized: false }
    const options = serverTlsOptions(holder.current, settings)
    this.#server = createServer({ ...options, handshakeTimeout: handshakeTimeoutMs })
    this.#server.maxConnections = maxConnections
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

  async close(): Promise<void> {
    this.#stopRotation()
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const session of this.#sessions) session.close()
    await closed
  }

  #accept(socket: TLSSocket): void {
    const identity = verifyServerPeer(socket, this.#holder.current.id.trustDomain)
    const certificate = socket.getPeerX509Certificate()
    const session = new SidecarSession(socket, identity, this.#context)
    this.#sessions.add(session)
    socket.once('close', () => this.#sessions.delete(session))
    if (certificate === undefined) return
    if (identity === undefined) session.refuse('the certificate is not one of this trust domain')
    else session.endAt(Date.parse(certificate.validTo))
  }
}
