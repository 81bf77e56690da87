import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import type { ExchangeError } from '../../base/errors.ts'
import { abortSocket } from '../abort-socket.ts'
import { cork, uncork } from '../cork.ts'
import { Output } from '../http1/output.ts'
import type { RequestReceiver } from '../stream.ts'

/** What both sides of a connection of raw bytes share: two halves that end on their own, back-pressure, the end. */
export abstract class TcpConnection {
  protected readonly socket: Socket
  /** Nothing more is told or sent: both halves have ended, or the connection was broken. */
  protected over = false
  /** Who hears of what comes; undefined while nobody does. */
  protected abstract readonly listener: RequestReceiver | undefined
  readonly #output: Output
  #localEnded = false
  #remoteEnded = false

  /** @param socket connected, with `allowHalfOpen`. */
  constructor(socket: Socket) {
    this.socket = socket
    this.#output = new Output(socket)
    socket.on('end', () => this.#onEnd())
    // It was while the protocol was still being found out.
    if (socket.readableEnded) nextTick(() => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    socket.on('error', error => this.onError(error))
    socket.on('close', () => {
      const broken = !this.over
      this.over = true
      this.onClosed(broken)
    })
  }

  get active(): number {
    return this.over || this.listener === undefined ? 0 : 1
  }

  /** Takes what the socket read, also by another way than its 'data' events. The chunk is only lent. */
  receive(chunk: Buffer): void {
    if (this.over) return
    cork()
    try {
      this.listener?.onBody(chunk)
    } finally {
      uncork()
    }
  }

  write(chunk: Buffer): boolean {
    return this.over || this.#localEnded || this.#output.chunk(chunk)
  }

  end(): void {
    if (this.over || this.#localEnded) return
    this.#localEnded = true
    this.over = this.#remoteEnded
    this.#output.flush()
    this.socket.end()
  }

  /** RST, so that the peer does not take what it has for all. */
  reset(_error: ExchangeError): void {
    if (this.over) return
    this.over = true
    abortSocket(this.socket)
  }

  pause(): void {
    if (!this.over) this.socket.pause()
  }

  resume(): void {
    if (!this.over) this.socket.resume()
  }

  /** 'close' follows. */
  protected abstract onError(error: Error): void
  /** The socket is gone. `broken`: before both halves had ended. */
  protected abstract onClosed(broken: boolean): void

  #onEnd(): void {
    if (this.over) return
    if (this.listener === undefined) return void this.socket.destroy()
    this.#remoteEnded = true
    this.over = this.#localEnded
    this.listener.onEnd(undefined)
  }

  #onDrain(): void {
    if (!this.over && !this.#localEnded) this.listener?.onWritable()
  }
}
