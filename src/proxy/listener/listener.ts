import net from 'node:net'
import type { Now } from '../../base/clock.ts'
import { adoptAccepted, SharedReader } from '../../http/shared-reader.ts'
import type { ServerConnection } from '../../http/stream.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'

export interface ListenerOptions {
  /** What it is for and by which setting it moves, for the message when the port is taken. */
  readonly purpose: string
  readonly address: SocketAddress
  /** Puts a codec on an accepted socket and {@link Listener.track}s it. Reads come through `reader` if there is one. */
  readonly accept: (socket: net.Socket, reader: SharedReader | undefined) => void
  /** Sockets read into the buffer that all share. Not for those on which TLS is put. Default false. */
  readonly sharesReads?: boolean
  readonly now: Now
  /** Others listen there too, and the kernel shares connections out (SO_REUSEPORT). Default false. */
  readonly sharesPort?: boolean
  /** Sockets open at once; further ones are closed unanswered and counted. Default 16384. */
  readonly maxConnections?: number
}

const sweepMs = 1000

/** A bound port and the connections that came through it. */
export class Listener {
  readonly #server: net.Server
  readonly #options: ListenerOptions
  readonly #connections = new Set<ServerConnection>()
  readonly #sockets = new Set<net.Socket>()
  readonly #sweeper: NodeJS.Timeout
  #onIdle: (() => void) | undefined
  accepted = 0
  refused = 0

  constructor(options: ListenerOptions) {
    this.#options = options
    const { sharesReads = false } = options
    const serverOptions = { noDelay: true, allowHalfOpen: true, pauseOnConnect: sharesReads }
    this.#server = net.createServer(serverOptions, socket =>
      sharesReads ? this.#acceptShared(socket) : this.#accept(socket, undefined),
    )
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs)
  }

  /** @throws Error that names the port and the setting when it can't be bound. */
  async listen(): Promise<void> {
    const { address, purpose, sharesPort: reusePort = false } = this.#options
    const { host, port } = address
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error): void =>
        reject(
          new Error(
            `cannot listen on ${address.host}:${address.port} (${purpose}): ${error.message}`,
            {
              cause: error,
            },
          ),
        )
      this.#server.once('error', onError)
      this.#server.listen({ host, port, backlog: 4096, reusePort }, () => {
        this.#server.off('error', onError)
        // Failures to accept (EMFILE) end here: those who are connected go on being served.
        this.#server.on('error', () => this.refused++)
        resolve()
      })
    })
  }

  get port(): number {
    const address = this.#server.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  /** Sockets open now. */
  get connections(): number {
    return this.#sockets.size
  }

  /** The connection takes part in sweeps and drain until `socket`, perhaps a TLS one, closes. */
  track(connection: ServerConnection, socket: net.Socket): void {
    this.#connections.add(connection)
    socket.once('close', () => this.#connections.delete(connection))
  }

  /** Stops accepting, lets each connection finish what is in flight; resolves when all are gone. */
  async drain(): Promise<void> {
    this.#server.close()
    for (const connection of this.#connections) connection.drain()
    if (this.#sockets.size > 0) await new Promise<void>(resolve => (this.#onIdle = resolve))
    clearInterval(this.#sweeper)
  }

  /** Ends everything at once. */
  close(): void {
    clearInterval(this.#sweeper)
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
    for (const socket of this.#sockets) socket.destroy()
  }

  #acceptShared(accepted: net.Socket): void {
    const reader = new SharedReader()
    const socket = adoptAccepted(accepted, reader)
    if (socket === undefined) this.#accept(accepted.resume(), undefined)
    else this.#accept(socket, reader)
  }

  #accept(socket: net.Socket, reader: SharedReader | undefined): void {
    const { maxConnections = 16_384, accept } = this.#options
    if (this.#sockets.size >= maxConnections) {
      this.refused++
      return void socket.destroy()
    }
    this.accepted++
    this.#sockets.add(socket)
    // Until a codec takes over, a reset must not end the process.
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (this.#sockets.size === 0) this.#onIdle?.()
    })
    accept(socket, reader)
  }

  #sweep(): void {
    const now = this.#options.now()
    for (const connection of this.#connections) connection.sweep(now)
  }
}
