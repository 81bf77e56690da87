import type { Socket } from 'node:net'
import { nextTick } from 'node:process'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { HeaderList } from '../headers.ts'
import { unknownLength, type RequestHead, type ResponseHead } from '../message.ts'
import { toExchangeError } from '../node-error.ts'
import type {
  ClientConnection,
  ClientConnectionEvents,
  ClientStream,
  ResponseReceiver,
} from '../stream.ts'
import { TcpConnection } from './connection.ts'

export interface TcpClientOptions {
  readonly events: ClientConnectionEvents
  readonly now: Now
  /** How long it may wait for its request. */
  readonly idleMs: number
  /** `address:port`, for messages. */
  readonly where: string
}

/**
 * A connection to an application whose protocol is not looked at. It serves one request, a CONNECT, and answers it
 * itself: that it stands is the answer.
 */
export class TcpClientConnection extends TcpConnection implements ClientConnection, ClientStream {
  readonly multiplexed = false
  readonly served = 0
  protected listener: ResponseReceiver | undefined
  readonly #options: TcpClientOptions
  readonly #openedAt: number
  #failure: ExchangeError | undefined

  /** @param socket connected already, its bytes handed to {@link receive}. */
  constructor(socket: Socket, options: TcpClientOptions) {
    super(socket)
    this.#options = options
    this.#openedAt = options.now()
    // What a server says first waits in the kernel until somebody is there to hear it.
    socket.pause()
  }

  get capacity(): number {
    return this.listener === undefined && !this.socket.destroyed ? 1 : 0
  }

  get closed(): boolean {
    return this.socket.destroyed
  }

  isStale(now: number): boolean {
    return this.listener === undefined && now - this.#openedAt >= this.#options.idleMs
  }

  request(_head: RequestHead, receiver: ResponseReceiver): ClientStream {
    this.listener = receiver
    this.#options.events.onRetired(this)
    nextTick(() => {
      if (this.over) return
      receiver.onHead(connected(), false)
      this.resume()
    })
    return this
  }

  drain(): void {
    if (this.listener === undefined) this.socket.destroy()
  }

  destroy(error?: ExchangeError): void {
    this.#failure ??= error
    this.socket.destroy()
  }

  sweep(now: number): void {
    if (this.isStale(now)) this.socket.destroy()
  }

  protected onError(error: Error): void {
    this.#failure ??= toExchangeError(error, 'upstream', this.#options.where)
  }

  protected onClosed(broken: boolean): void {
    const { events, where } = this.#options
    const lost = new ExchangeError('upstream_closed', `the connection to ${where} was closed`)
    const failure = broken && this.listener !== undefined ? (this.#failure ?? lost) : undefined
    if (failure !== undefined) this.listener?.onReset(failure)
    events.onClosed(this, failure)
  }
}

function connected(): ResponseHead {
  return {
    status: 200,
    reason: '',
    headers: new HeaderList(),
    version: '1.1',
    bodyLength: unknownLength,
  }
}
