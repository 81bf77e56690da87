import type { Socket } from 'node:net'
import { frame, MessageFraming } from './message-framing.ts'
import { maxQueryBytes, type Responder } from './responder.ts'

/** Queries of one connection that wait for a resolver; reading rests meanwhile. */
const maxWaiting = 8

/**
 * One client's TCP connection (RFC 7766): queries may come one behind the other, answers go out as they are ready. It ends
 * after `idleMs` without a whole query or an answer, however busily the client sends or fails to read.
 */
export class StreamConnection {
  readonly #socket: Socket
  readonly #responder: Responder
  readonly #framing = new MessageFraming(maxQueryBytes)
  readonly #idle: NodeJS.Timeout
  #waiting = 0
  #ended = false

  constructor(socket: Socket, responder: Responder, idleMs: number) {
    this.#socket = socket
    this.#responder = responder
    this.#idle = setTimeout(() => socket.destroy(), idleMs)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => clearTimeout(this.#idle))
    socket.on('data', chunk => {
      this.#framing.push(chunk)
      this.#work()
    })
    socket.on('drain', () => this.#work())
    socket.once('end', () => {
      this.#ended = true
      this.#work()
    })
  }

  /** Takes as many queries as there is room for their answers. */
  #work(): void {
    while (this.#hasRoom) {
      const message = this.#framing.take()
      if (message === undefined) break
      this.#idle.refresh()
      this.#answer(message)
    }
    if (this.#framing.broken) this.#socket.destroy()
    else if (!this.#hasRoom) this.#socket.pause()
    else if (this.#ended && this.#waiting === 0) this.#socket.end()
    else this.#socket.resume()
  }

  get #hasRoom(): boolean {
    return this.#waiting < maxWaiting && !this.#socket.writableNeedDrain
  }

  #answer(message: Buffer): void {
    const answer = this.#responder.respond(message, 'tcp')
    if (!(answer instanceof Promise)) return void (answer && this.#socket.write(frame(answer)))
    this.#waiting++
    void answer.then(late => {
      this.#waiting--
      if (this.#socket.destroyed) return
      this.#idle.refresh()
      this.#socket.write(frame(late))
      this.#work()
    })
  }
}
