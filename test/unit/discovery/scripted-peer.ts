import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { ControlStream } from '../../../src/discovery/control-stream.ts'
import { LineDecoder } from '../../../src/discovery/line-decoder.ts'

/** What both ends of a test's stream compute. */
export const keyingMaterial = Buffer.from('keying material')

/** One end of a stream, in the hand of the test. */
export class ScriptedPeer {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly #messages: unknown[] = []
  readonly #readers: ((message: unknown) => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    const decoder = new LineDecoder(Number.MAX_SAFE_INTEGER)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) this.#take(message)
    })
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
  }

  /** The next message, arrived already or yet to come. */
  async next<T = Record<string, unknown>>(): Promise<T> {
    const message =
      this.#messages.length > 0
        ? this.#messages.shift()
        : await new Promise<unknown>(resolve => this.#readers.push(resolve))
    return message as T
  }

  /** The next message of this type; those before it are dropped. */
  async nextOf<T = Record<string, unknown>>(type: string): Promise<T> {
    for (;;) {
      const message = await this.next()
      if (message['type'] === type) return message as T
    }
  }

  /** What has arrived and was not asked for. */
  get unread(): readonly unknown[] {
    return this.#messages
  }

  send(message: object): void {
    this.write(`${JSON.stringify(message)}\n`)
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  #take(message: unknown): void {
    const reader = this.#readers.shift()
    if (reader === undefined) this.#messages.push(message)
    else reader(message)
  }
}

export interface PeerListener {
  readonly connect: () => Promise<ControlStream>
  /** The other end of the next connection, made already or yet to come. */
  readonly accept: () => Promise<ScriptedPeer>
}

/** Connections between a client under test and the test. */
export async function listenForPeers(t: Test): Promise<PeerListener> {
  const accepted: ScriptedPeer[] = []
  const waiting: ((peer: ScriptedPeer) => void)[] = []
  const server = createServer({ noDelay: true }, socket => {
    const peer = new ScriptedPeer(socket)
    t.teardown(() => socket.destroy())
    const next = waiting.shift()
    if (next === undefined) accepted.push(peer)
    else next(peer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return {
    connect: async () => {
      const socket = connect(port, '127.0.0.1')
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      return Object.assign(socket, { exportKeyingMaterial: () => keyingMaterial })
    },
    accept: async () => accepted.shift() ?? new Promise(resolve => waiting.push(resolve)),
  }
}
