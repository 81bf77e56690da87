import net from 'node:net'
import tls from 'node:tls'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { Http1ClientConnection } from '../../http/http1/client-connection.ts'
import { Http2ClientConnection } from '../../http/http2/client-connection.ts'
import type { HttpLimits } from '../../http/limits.ts'
import { SharedReader } from '../../http/shared-reader.ts'
import type { ClientConnection, ClientConnectionEvents } from '../../http/stream.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import { verifyClientPeer } from '../../identity/peer.ts'
import { clientTlsOptions } from '../../identity/tls-options.ts'
import type { Endpoint, MeshAddress } from '../../model/endpoint.ts'
import { established } from './connect.ts'

/** Shorter than the five seconds after which Node, the commonest server that says nothing, closes. */
const idleMs = 4000

export interface DialerOptions {
  readonly identity: IdentityHolder
  readonly limits: HttpLimits
  readonly now: Now
}

/** Opens connections: HTTP/2 in mTLS to sidecars, HTTP/1.1 to applications. */
export class Dialer {
  readonly #options: DialerOptions
  #tls: tls.ConnectionOptions

  constructor(options: DialerOptions) {
    const { identity } = options
    this.#options = options
    this.#tls = clientTlsOptions(identity.current, { alpn: ['h2'] })
    identity.onChange(renewed => {
      this.#tls = clientTlsOptions(renewed, { alpn: ['h2'] })
    })
  }

  readonly dial = (
    endpoint: Endpoint,
    timeoutMs: number,
    events: ClientConnectionEvents,
  ): Promise<ClientConnection> =>
    endpoint.mesh === undefined
      ? this.#dialApplication(endpoint, timeoutMs, events)
      : this.#dialSidecar(endpoint.address, endpoint.mesh, timeoutMs, events)

  async #dialApplication(
    { address, port }: Endpoint,
    timeoutMs: number,
    events: ClientConnectionEvents,
  ): Promise<ClientConnection> {
    const where = `${address}:${port}`
    const reader = new SharedReader()
    const { onread } = reader
    const socket = net.connect({ host: address, port, noDelay: true, allowHalfOpen: true, onread })
    await established(socket, 'connect', where, timeoutMs)
    const { limits, now } = this.#options
    const connection = new Http1ClientConnection(socket, { limits, events, now, idleMs, where })
    reader.attach(connection)
    return connection
  }

  async #dialSidecar(
    address: string,
    { port, identity }: MeshAddress,
    timeoutMs: number,
    events: ClientConnectionEvents,
  ): Promise<ClientConnection> {
    const where = `${address}:${port}`
    const reader = new SharedReader()
    const options = { ...this.#tls, host: address, port, onread: reader.onread }
    // Documented, and missing in the types.
    const socket = tls.connect(options as tls.ConnectionOptions)
    socket.setNoDelay(true)
    await established(socket, 'secureConnect', where, timeoutMs)
    const mismatch = verifyClientPeer(socket, identity) ?? wrongProtocol(socket)
    if (mismatch !== undefined) {
      socket.destroy()
      throw new ExchangeError(mismatch.code, `${where}: ${mismatch.message}`, mismatch)
    }
    const { limits, now } = this.#options
    const greeting = new Greeting(events)
    const connection = new Http2ClientConnection(socket, { limits, events: greeting, now })
    reader.attach(connection)
    await greeting.received(connection, where, timeoutMs)
    return connection
  }
}

/**
 * The peer's SETTINGS, which prove that it took our certificate: in TLS 1.3 the client's handshake ends before the
 * server has looked at it. Until then the pool hears nothing of the connection.
 */
class Greeting implements ClientConnectionEvents {
  readonly #events: ClientConnectionEvents
  readonly #came = Promise.withResolvers<void>()
  #over = false

  constructor(events: ClientConnectionEvents) {
    this.#events = events
  }

  /** @throws ExchangeError when the connection ended before, or after `timeoutMs`. */
  async received(connection: ClientConnection, where: string, timeoutMs: number): Promise<void> {
    const late = new ExchangeError('connect_timeout', `${where} sent nothing in ${timeoutMs} ms`)
    const timer = setTimeout(() => {
      this.#came.reject(late)
      connection.destroy(late)
    }, timeoutMs)
    try {
      await this.#came.promise
    } catch (error) {
      if (error === late) throw late
      throw new ExchangeError('tls_failed', `${where} refused us, perhaps our certificate`, error)
    } finally {
      clearTimeout(timer)
    }
  }

  onCapacity(connection: ClientConnection): void {
    if (this.#over) return this.#events.onCapacity(connection)
    this.#over = true
    this.#came.resolve()
  }

  onRetired(connection: ClientConnection): void {
    if (this.#over) this.#events.onRetired(connection)
  }

  onClosed(connection: ClientConnection, error: ExchangeError | undefined): void {
    if (this.#over) this.#events.onClosed(connection, error)
    else this.#came.reject(error)
  }
}

function wrongProtocol(socket: tls.TLSSocket): ExchangeError | undefined {
  if (socket.alpnProtocol === 'h2') return undefined
  return new ExchangeError('tls_failed', 'the peer does not speak HTTP/2')
}
