import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'

const loopback = '127.0.0.1'

/** An application that speaks a protocol of its own, on a port of its own. */
export async function startTcpApplication(
  t: Test,
  handler: (socket: Socket) => void,
): Promise<number> {
  const sockets = new Set<Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    handler(socket)
  })
  server.listen(0, loopback)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** A client's connection that keeps all that comes. */
export class TcpClient {
  readonly socket: Socket
  received = ''
  /** The server's half has ended. */
  ended = false
  error: Error | undefined
  #changed = Promise.withResolvers<void>()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) =>
      this.#change(() => (this.received += chunk.toString('latin1'))),
    )
    socket.on('end', () => this.#change(() => (this.ended = true)))
    socket.on('error', error => this.#change(() => (this.error = error)))
    socket.on('close', () => this.#change(() => {}))
  }

  static async connect(t: Test, port: number): Promise<TcpClient> {
    const socket = net.connect({ host: loopback, port, allowHalfOpen: true, noDelay: true })
    const client = new TcpClient(socket)
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    return client
  }

  /** Resolves when `condition` holds; rejects when the connection is closed before that. */
  async until(condition: (client: TcpClient) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.socket.closed) throw new Error(`closed after ${JSON.stringify(this.received)}`)
      await this.#changed.promise
    }
  }

  #change(note: () => void): void {
    note()
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
