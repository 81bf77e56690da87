import net from 'node:net'
import tls from 'node:tls'
import type { Now } from '../base/clock.ts'
import { ExchangeError } from '../base/errors.ts'
import { Http1ClientConnection } from '../http/http1/client-connection.ts'
import { Http2ClientConnection } from '../http/http2/client-connection.ts'
import type { HttpLimits } from '../http/limits.ts'
import { toExchangeError } from '../http/node-error.ts'
import { readBuffer } from '../http/read-buffer.ts'
import type { ClientConnection, ClientConnectionEvents } from '../http/stream.ts'
import type { IdentityHolder } from '../identity/identity-holder.ts'
import { verifyClientPeer } from '../identity/peer.ts'
import { clientTlsOptions } from '../identity/tls-options.ts'
import type { Endpoint, MeshAddress } from '../model/endpoint.ts'

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
    let connection: Http1ClientConnection | undefined
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number): boolean => {
        // Bytes before the connection is ours answer nothing.
        if (connection === undefined) socket.destroy()
        else connection.receive(readBuffer.subarray(0, bytes))
        return true
      },
    }
    const socket = net.connect({ host: address, port, noDelay: true, allowHalfOpen: true, onread })
    await established(socket, 'connect', where, timeoutMs)
    const { limits, now } = this.#options
    connection = new Http1ClientConnection(socket, { limits, events, now, idleMs, where })
    return connection
  }

  async #dialSidecar(
    address: string,
    { port, identity }: MeshAddress,
    timeoutMs: number,
    events: ClientConnectionEvents,
  ): Promise<ClientConnection> {
    const where = `${address}:${port}`
    const socket = tls.connect({ ...this.#tls, host: address, port })
    socket.setNoDelay(true)
    await established(socket, 'secureConnect', where, timeoutMs)
    const mismatch = verifyClientPeer(socket, identity) ?? wrongProtocol(socket)
    if (mismatch !== undefined) {
      socket.destroy()
      throw new ExchangeError(mismatch.code, `${where}: ${mismatch.message}`, mismatch)
    }
    const { limits, now } = this.#options
    return new Http2ClientConnection(socket, { limits, events, now })
  }
}

function wrongProtocol(socket: tls.TLSSocket): ExchangeError | undefined {
  if (socket.alpnProtocol === 'h2') return undefined
  return new ExchangeError('tls_failed', 'the peer does not speak HTTP/2')
}

/** Resolves when `event` came; rejects with an ExchangeError on failure or after `timeoutMs`. */
function established(
  socket: net.Socket,
  event: 'connect' | 'secureConnect',
  where: string,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new ExchangeError('connect_timeout', `${where} took no connection in ${timeoutMs} ms`))
    }, timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      reject(asConnectError(error, where))
    }
    // Stays for the life of the socket: an error between two owners must not end the process.
    socket.on('error', onError)
    socket.once(event, () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Nothing of the request was sent yet, so a reset is as good as a refusal. */
function asConnectError(error: Error, where: string): ExchangeError {
  const failure = toExchangeError(error, 'upstream', where)
  if (failure.code !== 'upstream_reset') return failure
  return new ExchangeError('connect_failed', failure.message, error)
}
