import type { Socket } from 'node:net'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import { HeaderList } from '../headers.ts'
import { IdleWatch } from '../http1/idle-watch.ts'
import type { HttpLimits } from '../limits.ts'
import { opensTunnel, type RequestHead, type ResponseHead } from '../message.ts'
import type {
  ConnectionInfo,
  RequestHandler,
  RequestReceiver,
  ServerConnection,
  ServerStream,
} from '../stream.ts'
import { TcpConnection } from './connection.ts'

/** The client had said nothing when the connection was taken for one of bytes: its first word may correct that. */
export interface Provisional {
  isTcp(chunk: Buffer): boolean
  /** The socket is the caller's again, and `chunk` the first that came. */
  takeBack(chunk: Buffer): void
}

export interface TcpServerOptions {
  readonly limits: HttpLimits
  readonly info: ConnectionInfo
  readonly onRequest: RequestHandler
  readonly now: Now
  /** host:port that the client meant to reach. */
  readonly authority: string
  /** Until one side has spoken. */
  readonly provisional?: Provisional | undefined
}

/** Until the handler has set its own. */
const nobody: RequestReceiver = { onBody() {}, onEnd() {}, onReset() {}, onWritable() {} }

/**
 * A client's connection whose protocol is not looked at; for the handler a CONNECT, whose answer the client does not
 * see. If it is good, bytes flow; else the connection is reset, since there is no other way to say so.
 */
export class TcpServerConnection extends TcpConnection implements ServerConnection, ServerStream {
  readonly request: RequestHead
  readonly connection: ConnectionInfo
  receiver: RequestReceiver = nobody
  readonly #idleMs: number
  readonly #watch: IdleWatch
  #provisional: Provisional | undefined

  /** Calls the handler at once: the client may be waiting for the server's first word. */
  constructor(socket: Socket, options: TcpServerOptions) {
    super(socket)
    this.#idleMs = options.limits.tunnelIdleTimeoutMs
    this.#watch = new IdleWatch(socket, options.now())
    this.#provisional = options.provisional
    this.connection = options.info
    this.request = connectTo(options.authority)
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    options.onRequest(this)
  }

  override receive(chunk: Buffer): void {
    const provisional = this.#provisional
    this.#provisional = undefined
    if (provisional === undefined || this.over || provisional.isTcp(chunk))
      return super.receive(chunk)
    this.over = true
    this.receiver.onReset(
      new ExchangeError('downstream_closed', 'the client speaks HTTP after all'),
    )
    provisional.takeBack(chunk)
  }

  override write(chunk: Buffer): boolean {
    this.#provisional = undefined
    return super.write(chunk)
  }

  /** The protocol has no word for it: the client goes on until it is done, or the drain's time is over. */
  drain(): void {}

  destroy(): void {
    this.socket.destroy()
  }

  sweep(now: number): void {
    if (this.over || this.#watch.idleFor(now) <= this.#idleMs) return
    const error = new ExchangeError('request_timeout', 'no byte moved for too long')
    this.reset(error)
    this.receiver.onReset(error)
  }

  sendInformational(): void {}

  sendHead(head: ResponseHead): void {
    if (opensTunnel(this.request, head) || this.over) return
    this.over = true
    this.socket.resetAndDestroy()
  }

  protected get listener(): RequestReceiver {
    return this.receiver
  }

  protected onError(): void {
    // What the error was is of no use: 'close' follows and ends the exchange.
    this.socket.destroy()
  }

  protected onClosed(broken: boolean): void {
    if (!broken) return
    this.receiver.onReset(
      new ExchangeError('downstream_closed', 'the client closed the connection'),
    )
  }
}

function connectTo(authority: string): RequestHead {
  return {
    method: 'CONNECT',
    scheme: 'http',
    authority,
    path: '',
    headers: new HeaderList(),
    version: '1.1',
    bodyLength: 0,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: false,
  }
}
