import net, { type LookupFunction, type Socket } from 'node:net'
import tls from 'node:tls'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { Http1ClientConnection } from '../../http/http1/client-connection.ts'
import { Http2ClientConnection } from '../../http/http2/client-connection.ts'
import type { HttpLimits } from '../../http/limits.ts'
import { SharedReader } from '../../http/shared-reader.ts'
import type { ClientConnection, ClientConnectionEvents } from '../../http/stream.ts'
import { TcpClientConnection } from '../../http/tcp/client-connection.ts'
import type { IdentityHolder } from '../../identity/identity-holder.ts'
import { verifyClientPeer } from '../../identity/peer.ts'
import { clientTlsOptions } from '../../identity/tls-options.ts'
import type { MeshAddress } from '../../model/endpoint.ts'
import { established } from './connect.ts'
import type { Dial, DialTarget } from './pool-set.ts'
import { TlsOrigination } from './tls-origination.ts'

/** Shorter than the five seconds after which Node, the commonest server that says nothing, closes. */
const idleMs = 4000

export interface DialerOptions {
  readonly identity: IdentityHolder
  /** With applications. */
  readonly limits: HttpLimits
  /** With sidecars. */
  readonly meshLimits: HttpLimits
  readonly now: Now
  /** For hosts that their callers name. Default: the system's. */
  readonly lookup?: LookupFunction
}

/**
 * Opens connections: HTTP/2 in mTLS to sidecars; HTTP/1.1, HTTP/2 or raw bytes to applications, beyond the mesh perhaps
 * in TLS.
 */
export class Dialer {
  readonly #options: DialerOptions
  readonly #origination: TlsOrigination
  #tls: tls.ConnectionOptions

  constructor(options: DialerOptions) {
    const { identity } = options
    this.#options = options
    this.#origination = new TlsOrigination(options.now)
    this.#tls = clientTlsOptions(identity.current, { alpn: ['h2'] })
    identity.onChange(renewed => {
      this.#tls = clientTlsOptions(renewed, { alpn: ['h2'] })
    })
  }

  readonly dial: Dial = (target, events) => {
    const { address, mesh } = target.endpoint
    return mesh === undefined
      ? this.#dialApplication(target, events)
      : this.#dialSidecar(address, mesh, target.timeoutMs, events)
  }

  async #dialApplication(
    { endpoint: { address, port }, protocol, timeoutMs, tls: wanted, isCalledHost }: DialTarget,
    events: ClientConnectionEvents,
  ): Promise<ClientConnection> {
    const where = `${address}:${port}`
    const { limits, now, lookup } = this.#options
    const reader = new SharedReader()
    const place = { host: address, port, ...(isCalledHost === true && lookup && { lookup }) }
    const socket =
      wanted === undefined
        ? await connectPlain(place, { reader, where, timeoutMs })
        : await this.#origination.connect({ place, tls: wanted, protocol, timeoutMs }, reader)
    if (protocol === 'h2')
      return this.#greet(socket, reader, { limits, where, timeoutMs, events, refused })
    const options = { limits, events, now, idleMs, where }
    const connection =
      protocol === 'tcp'
        ? new TcpClientConnection(socket, options)
        : new Http1ClientConnection(socket, options)
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
    const { meshLimits: limits } = this.#options
    const greeted = {
      limits,
      where,
      timeoutMs,
      events,
      refused: refusedByTls,
      passesResetsOn: true,
    }
    return this.#greet(socket, reader, greeted)
  }

  async #greet(socket: Socket, reader: SharedReader, greeted: Greeted): Promise<ClientConnection> {
    const { limits, passesResetsOn } = greeted
    const greeting = new Greeting(greeted)
    const options = { limits, events: greeting, now: this.#options.now, passesResetsOn }
    const connection = new Http2ClientConnection(socket, options)
    reader.attach(connection)
    await greeting.received(connection)
    return connection
  }
}

interface PlainConnect {
  readonly reader: SharedReader
  readonly where: string
  readonly timeoutMs: number
}

async function connectPlain(
  place: net.TcpSocketConnectOpts,
  { reader: { onread }, where, timeoutMs }: PlainConnect,
): Promise<Socket> {
  const socket = net.connect({ ...place, noDelay: true, allowHalfOpen: true, onread })
  await established(socket, 'connect', where, timeoutMs)
  return socket
}

interface Greeted {
  readonly limits: HttpLimits
  readonly where: string
  readonly timeoutMs: number
  readonly events: ClientConnectionEvents
  /** What it means that the connection ended instead. */
  readonly refused: (where: string, error: ExchangeError | undefined) => ExchangeError
  readonly passesResetsOn?: boolean
}

/**
 * The peer's SETTINGS. They prove that a sidecar took our certificate, since in TLS 1.3 the client's handshake ends
 * before the server has looked at it, and that an application speaks HTTP/2. Until then the pool hears nothing of the
 * connection.
 */
class Greeting implements ClientConnectionEvents {
  readonly #greeted: Greeted
  readonly #came = Promise.withResolvers<void>()
  #over = false

  constructor(greeted: Greeted) {
    this.#greeted = greeted
  }

  /** @throws ExchangeError when the connection ended before, or after the time is up. */
  async received(connection: ClientConnection): Promise<void> {
    const { where, timeoutMs } = this.#greeted
    const late = new ExchangeError('connect_timeout', `${where} sent nothing in ${timeoutMs} ms`)
    const timer = setTimeout(() => {
      this.#came.reject(late)
      connection.destroy(late)
    }, timeoutMs)
    try {
      await this.#came.promise
    } finally {
      clearTimeout(timer)
    }
  }

  onCapacity(connection: ClientConnection): void {
    if (this.#over) return this.#greeted.events.onCapacity(connection)
    this.#over = true
    this.#came.resolve()
  }

  onRetired(connection: ClientConnection): void {
    if (this.#over) this.#greeted.events.onRetired(connection)
  }

  onClosed(connection: ClientConnection, error: ExchangeError | undefined): void {
    const { events, refused: explain, where } = this.#greeted
    if (this.#over) events.onClosed(connection, error)
    else this.#came.reject(explain(where, error))
  }
}

function refusedByTls(where: string, error: ExchangeError | undefined): ExchangeError {
  return new ExchangeError('tls_failed', `${where} refused us, perhaps our certificate`, error)
}

/** `upstream_protocol`: it does not speak HTTP/2. Nothing of a request was sent in any case. */
function refused(where: string, error: ExchangeError | undefined): ExchangeError {
  return error?.code === 'upstream_protocol'
    ? new ExchangeError('upstream_protocol', `${where} does not speak HTTP/2`, error)
    : new ExchangeError('connect_failed', `${where} closed instead of greeting`, error)
}

function wrongProtocol(socket: tls.TLSSocket): ExchangeError | undefined {
  if (socket.alpnProtocol === 'h2') return undefined
  return new ExchangeError('tls_failed', 'the peer does not speak HTTP/2')
}
