import type { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import type { RequestHead } from '../message.ts'
import type { ClientStream, ResponseReceiver } from '../stream.ts'
import { BodyWriter } from './body-writer.ts'
import type { OutgoingFraming } from './head-writer.ts'
import type { Output } from './output.ts'

/** What a stream needs of its connection. */
export interface ClientStreamOwner {
  readonly output: Output
  pauseReading(): void
  resumeReading(): void
  /** Closes the connection; `error`: the receiver is told. */
  abandon(stream: Http1ClientStream, error: ExchangeError | undefined): void
  /** Half-closes a tunnel. */
  endTunnel(): void
}

/** A request and its answer on an HTTP/1.1 connection. */
export class Http1ClientStream implements ClientStream {
  readonly head: RequestHead
  readonly receiver: ResponseReceiver
  requestEnded = false
  /** A byte of the answer has come. */
  heard = false
  /** Ours, since the client had none. */
  webSocketKey: string | undefined
  /** Length of the heads of all 1xx answers so far. */
  informationalBytes = 0
  readonly #owner: ClientStreamOwner
  #writer: BodyWriter | undefined
  #over = false
  #tunnel = false

  constructor(head: RequestHead, receiver: ResponseReceiver, owner: ClientStreamOwner) {
    this.head = head
    this.receiver = receiver
    this.#owner = owner
  }

  /** The head is written. */
  start(framing: OutgoingFraming, ended: boolean): void {
    this.requestEnded = ended
    if (ended) this.#owner.output.flush()
    else
      this.#writer = new BodyWriter(
        this.#owner.output,
        framing,
        this.head.bodyLength,
        'bad_request',
      )
  }

  /** 101 came: bytes go through as they are. */
  openTunnel(): void {
    this.#tunnel = true
    this.requestEnded = false
    this.#writer = new BodyWriter(this.#owner.output, 'tunnel', 0, 'bad_request')
  }

  /** The exchange is over, whatever is still called. */
  finish(): void {
    this.#over = true
  }

  write(chunk: Buffer): boolean {
    if (this.#over || this.requestEnded || this.#writer === undefined) return true
    try {
      return this.#writer.write(chunk)
    } catch (error) {
      this.#break(error as ExchangeError)
      return true
    }
  }

  end(trailers?: HeaderList): void {
    if (this.#over || this.requestEnded || this.#writer === undefined) return
    this.requestEnded = true
    try {
      this.#writer.end(trailers)
    } catch (error) {
      return this.#break(error as ExchangeError)
    }
    if (this.#tunnel) this.#owner.endTunnel()
  }

  reset(_error: ExchangeError): void {
    if (this.#over) return
    this.#over = true
    this.#owner.abandon(this, undefined)
  }

  pause(): void {
    if (!this.#over) this.#owner.pauseReading()
  }

  resume(): void {
    if (!this.#over) this.#owner.resumeReading()
  }

  #break(error: ExchangeError): void {
    this.#over = true
    this.#owner.abandon(this, error)
  }
}
