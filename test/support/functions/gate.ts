import { once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'
import { eventually } from '../mesh.ts'

/** Handlers that wait for the test: each connects, says its process id, and goes on when its connection is ended. */
export class Gate {
  readonly #server: net.Server
  readonly #waiting = new Map<net.Socket, number>()

  static async open(t: Test): Promise<Gate> {
    const gate = new Gate()
    gate.#server.listen(0, '127.0.0.1')
    await once(gate.#server, 'listening')
    t.teardown(() => {
      gate.openAll()
      gate.#server.close()
    })
    return gate
  }

  private constructor() {
    this.#server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.on('close', () => this.#waiting.delete(socket))
      socket.setEncoding('utf8')
      socket.on('data', (text: string) => this.#waiting.set(socket, Number(text)))
    })
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  /** Process ids, one for each handler that waits. */
  get pids(): readonly number[] {
    return [...this.#waiting.values()]
  }

  async waiting(count: number): Promise<readonly number[]> {
    return eventually(
      () => this.pids,
      ({ length }) => length >= count,
    )
  }

  openAll(): void {
    for (const socket of this.#waiting.keys()) socket.end()
  }
}
