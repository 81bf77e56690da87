import { nextTick } from 'node:process'
import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../headers.ts'
import { opensTunnel, unknownLength, type RequestHead, type ResponseHead } from '../message.ts'
import type { ConnectionInfo, RequestReceiver, ServerStream } from '../stream.ts'
import { BodyWriter } from './body-writer.ts'
import { writeResponseHead, type OutgoingFraming } from './head-writer.ts'
import type { Output } from './output.ts'
import type { ParsedRequest } from './request-parser.ts'
import { isBodyless } from './response-parser.ts'

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly info: ConnectionInfo
  readonly output: Output
  /** The connection may carry another request after this answer. */
  mayKeepAlive(stream: Http1ServerStream): boolean
  pauseReading(): void
  resumeReading(): void
  /** The answer is complete, and so is the tunnel's outgoing half. */
  onAnswered(stream: Http1ServerStream): void
  /** What comes from now on is the tunnel's. */
  onTunnel(): void
  /** There will be no answer, or no more of it: says so if nothing went out yet, and closes. */
  onBroken(stream: Http1ServerStream, error: ExchangeError): void
}

/** A request and its answer on an HTTP/1 connection. */
export class Http1ServerStream implements ServerStream {
  readonly request: RequestHead
  /** As the client asked. */
  readonly keepAlive: boolean
  declare receiver: RequestReceiver
  /** All of the request's body has come. */
  requestDone: boolean
  headSent = false
  answered = false
  /** Set once the answer's head is known. */
  closesAfter = false
  /** 101, or 2xx to a CONNECT, went out: both halves carry raw bytes, and end on their own. */
  tunnel = false
  #owner: StreamOwner
  #writer: BodyWriter | undefined
  #framing: OutgoingFraming = 'none'
  #continued = false
  #dead = false

  constructor({ head, keepAlive }: ParsedRequest, owner: StreamOwner) {
    this.request = head
    this.keepAlive = keepAlive
    this.requestDone = head.bodyLength === 0
    this.#owner = owner
  }

  get connection(): ConnectionInfo {
    return this.#owner.info
  }

  /** The client still waits for `100 Continue` and has perhaps sent nothing of its body. */
  get awaitsContinue(): boolean {
    return this.request.expectContinue && !this.#continued && !this.requestDone
  }

  /** The answer, or the tunnel, ends with the connection, so that FIN alone would make any of it look whole. */
  get endsWithConnection(): boolean {
    return this.#framing === 'until-close' || this.tunnel
  }

  /** Nothing more is to be told to the receiver. */
  get over(): boolean {
    return this.#dead || (this.answered && (!this.tunnel || this.requestDone))
  }

  /** Nothing more is to be written. */
  get #ended(): boolean {
    return this.#dead || this.answered
  }

  sendInformational(head: ResponseHead): void {
    // RFC 9110 §15.2: an HTTP/1.0 client must not get a 1xx.
    if (this.#ended || this.headSent || this.request.version === '1.0') return
    if (head.status === 100) this.#continued = true
    const line = {
      framing: 'none',
      connection: undefined,
      upgrade: undefined,
      bodyless: true,
    } as const
    try {
      this.#owner.output.text(writeResponseHead(head, line))
    } catch (error) {
      this.#break(error)
    }
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.#ended || this.headSent) return
    try {
      if (head.status === 101) this.#sendSwitch(head)
      else if (opensTunnel(this.request, head)) this.#sendConnected(head)
      else this.#sendFinal(head, end)
    } catch (error) {
      return this.#break(error)
    }
    if (end && !this.tunnel) this.#finish()
  }

  write(chunk: Buffer): boolean {
    if (this.#ended || this.#writer === undefined) return true
    try {
      return this.#writer.write(chunk)
    } catch (error) {
      this.#break(error)
      return true
    }
  }

  end(trailers?: HeaderList): void {
    if (this.#ended || this.#writer === undefined) return
    try {
      // Only who said TE: trailers reads them (RFC 9110 §6.5.1).
      this.#writer.end(this.request.acceptsTrailers ? trailers : undefined)
    } catch (error) {
      return this.#break(error)
    }
    this.#finish()
  }

  reset(error: ExchangeError): void {
    if (this.over) return
    this.#dead = true
    this.#owner.onBroken(this, error)
  }

  pause(): void {
    if (!this.over) this.#owner.pauseReading()
  }

  resume(): void {
    if (!this.over) this.#owner.resumeReading()
  }

  /** The connection is gone or no longer this stream's: everything is ignored from now on. */
  detach(): void {
    this.#dead = true
  }

  #sendSwitch(head: ResponseHead): void {
    const { upgrade } = this.request
    if (upgrade === undefined)
      throw new ExchangeError('upstream_protocol', 'upstream switched protocols unasked')
    const line = { framing: 'none', connection: 'Upgrade', upgrade, bodyless: true } as const
    this.#owner.output.text(writeResponseHead(head, line))
    this.#openTunnel()
  }

  /** RFC 9110 §9.3.6: the answer has no length; what follows its head is the tunnel's. */
  #sendConnected(head: ResponseHead): void {
    const line = { framing: 'none', connection: undefined, upgrade: undefined } as const
    const text = writeResponseHead(
      { ...head, bodyLength: unknownLength },
      { ...line, bodyless: true },
    )
    this.#owner.output.text(text)
    this.#openTunnel()
  }

  #openTunnel(): void {
    this.headSent = true
    this.closesAfter = true
    this.tunnel = true
    this.requestDone = false
    this.#writer = new BodyWriter(this.#owner.output, 'tunnel', 0, 'upstream_protocol')
    this.#owner.onTunnel()
  }

  #sendFinal(head: ResponseHead, end: boolean): void {
    const bodyless = isBodyless(head.status, this.request.method)
    if (end && !bodyless) head.bodyLength = 0
    const framing = end || bodyless ? 'none' : this.#framingFor(head)
    this.closesAfter = framing === 'until-close' || !this.#owner.mayKeepAlive(this)
    const text = writeResponseHead(head, {
      framing,
      connection: this.#connectionField(),
      upgrade: undefined,
      bodyless,
    })
    this.headSent = true
    this.#framing = framing
    this.#owner.output.text(text)
    this.#writer = new BodyWriter(this.#owner.output, framing, head.bodyLength, 'upstream_protocol')
  }

  #framingFor(head: ResponseHead): OutgoingFraming {
    if (head.bodyLength !== unknownLength) return 'length'
    return this.request.version === '1.1' ? 'chunked' : 'until-close'
  }

  #connectionField(): 'close' | 'keep-alive' | undefined {
    if (this.closesAfter) return 'close'
    return this.request.version === '1.0' ? 'keep-alive' : undefined
  }

  #finish(): void {
    this.answered = true
    this.#owner.output.flush()
    this.#owner.onAnswered(this)
  }

  /**
   * The answer breaks its own announcement or HTTP/1's rules. The receiver must learn that it writes in vain, but
   * not from within its own call.
   */
  #break(error: unknown): void {
    if (!(error instanceof ExchangeError)) throw error
    this.reset(error)
    nextTick(() => this.receiver.onReset(error))
  }
}
