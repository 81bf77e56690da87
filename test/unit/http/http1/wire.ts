// A peer on a real socket that sends bytes as told and keeps what it got.
import { EventEmitter, once } from 'node:events'
import net from 'node:net'

/** How the other side ended its half: in order, or with a reset. */
export type Ending = 'fin' | 'reset'

export class Wire implements AsyncDisposable {
  readonly socket: net.Socket
  /** Everything that came, as Latin-1. */
  received = ''
  ending: Ending | undefined
  readonly #changes = new EventEmitter()

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', chunk => {
      this.received += chunk.toString('latin1')
      this.#changes.emit('change')
    })
    socket.on('end', () => this.#end('fin'))
    socket.on('error', () => this.#end('reset'))
    socket.on('close', () => this.#changes.emit('change'))
  }

  /** Its half stays open when the other side ends. */
  static async connect(port: number): Promise<Wire> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    return new Wire(socket)
  }

  /** Of all answers so far. */
  get statusLines(): string[] {
    return this.received.match(/HTTP\/1\.1 \d{3} [^\r]*/g) ?? []
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /**
   * Sends each piece alone, as far as a turn of the event loop separates them for the reader, until the other side
   * ends.
   */
  async sendPieces(pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      if (this.ending !== undefined) return
      this.send(piece)
      await turn()
    }
  }

  /** Resolves when `fits` what came, or when nothing further can come. @returns what came. */
  async until(fits: (received: string) => boolean): Promise<string> {
    while (!fits(this.received) && this.ending === undefined && !this.socket.destroyed)
      await once(this.#changes, 'change')
    return this.received
  }

  /** Resolves when `text` has come `times`. */
  async untilHas(text: string, times = 1): Promise<string> {
    return this.until(received => received.split(text).length > times)
  }

  /** Resolves when the other side has ended. @returns how. */
  async ended(): Promise<Ending | undefined> {
    await this.until(() => false)
    return this.ending
  }

  /** Everything up to the end of the connection. */
  async all(): Promise<string> {
    return this.until(() => false)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }

  #end(ending: Ending): void {
    this.ending ??= ending
    this.#changes.emit('change')
  }
}

/** A turn of the event loop, in which what was written arrives on the loopback interface. */
export async function turn(): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
}

/** Resolves once `read` has said the same for many turns, so that what should stand still stands still. */
export async function settled(read: () => number): Promise<number> {
  let last = read()
  for (let same = 0; same < 200; same++) {
    await turn()
    if (read() === last) continue
    last = read()
    same = 0
  }
  return last
}
