import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6, type AddressInfo, type Server } from 'node:net'
import type { SocketAddress } from '../../model/bootstrap.ts'
import type { Responder } from './responder.ts'
import { StreamConnection } from './stream-connection.ts'

export interface DnsServerOptions {
  readonly address: SocketAddress
  readonly responder: Responder
  /** For a TCP connection. Default 10000. */
  readonly idleMs?: number
  /** TCP connections open at once; further ones are closed. Default 128. */
  readonly maxConnections?: number
}

/** Answers that the kernel has not taken yet; beyond, answers are dropped and clients ask again. */
const maxQueuedBytes = 1 << 20
/** Tries at a port that is free for both protocols, when the system chooses. */
const maxBindAttempts = 16

/** One port, UDP and TCP. */
export class DnsServer {
  readonly #options: DnsServerOptions
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #connections = new Set<{ destroy(): void }>()
  #closed = false

  /** @throws Error that names the port and the setting that moves it. */
  static async start(options: DnsServerOptions): Promise<DnsServer> {
    const { host, port } = options.address
    for (let attempt = 1; ; attempt++) {
      const server = new DnsServer(options)
      try {
        await server.#bind()
        return server
      } catch (error) {
        server.close()
        if (port !== 0 || attempt === maxBindAttempts) throw bindError(host, port, error as Error)
      }
    }
  }

  private constructor(options: DnsServerOptions) {
    const { address, responder, idleMs = 10_000, maxConnections = 128 } = options
    this.#options = options
    this.#udp = createSocket({ type: isIPv6(address.host) ? 'udp6' : 'udp4' })
    this.#udp.on('message', (message, from) => this.#onDatagram(message, from))
    this.#tcp = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
      this.#connections.add(socket)
      socket.once('close', () => this.#connections.delete(socket))
      new StreamConnection(socket, responder, idleMs)
    })
    this.#tcp.maxConnections = maxConnections
    // What fails later (EMFILE, an answer that cannot be sent) costs one client one answer: it asks again.
    this.#tcp.on('error', () => {})
    this.#udp.on('error', () => {})
  }

  get address(): SocketAddress {
    return { host: this.#options.address.host, port: this.#udp.address().port }
  }

  close(): void {
    if (!this.#closed) this.#udp.close()
    this.#closed = true
    this.#tcp.close()
    for (const connection of this.#connections) connection.destroy()
  }

  async #bind(): Promise<void> {
    const { host, port } = this.#options.address
    this.#tcp.listen({ host, port })
    await once(this.#tcp, 'listening')
    this.#udp.bind({ address: host, port: (this.#tcp.address() as AddressInfo).port })
    await once(this.#udp, 'listening')
  }

  #onDatagram(message: Buffer, { address, port }: RemoteInfo): void {
    const answer = this.#options.responder.respond(message, 'udp')
    if (answer instanceof Promise) void answer.then(late => this.#send(late, port, address))
    else if (answer !== undefined) this.#send(answer, port, address)
  }

  #send(answer: Buffer, port: number, address: string): void {
    // Port 0 is nobody's; a datagram can claim to come from there.
    if (this.#closed || port === 0 || this.#udp.getSendQueueSize() > maxQueuedBytes) return
    this.#udp.send(answer, port, address, () => {})
  }
}

function bindError(host: string, port: number, cause: Error): Error {
  const where = `${host}:${port} (DNS; move it with sidecar.dns.port of the Workload)`
  return new Error(`cannot listen on ${where}: ${cause.message}`, { cause })
}
