import { ExchangeError } from '../../base/errors.ts'
import { asksForTunnel, opensTunnel, unknownLength } from '../message.ts'
import type { RequestHead, ResponseHead } from '../message.ts'
import type { ClientStream, ResponseReceiver } from '../stream.ts'
import { mayAnnounceMore } from './head/response-head.ts'
import type { Asked } from './head/response-head.ts'
import { errorCode } from './protocol.ts'
import { Http2Stream } from './stream.ts'
import type { StreamOwner } from './stream.ts'

export class Http2ClientStream extends Http2Stream implements ClientStream {
  readonly receiver: ResponseReceiver
  readonly #request: RequestHead
  /** How the response is to be read. */
  readonly asked: Asked
  /** The final head came. */
  answered = false

  constructor(id: number, owner: StreamOwner, request: RequestHead, receiver: ResponseReceiver) {
    super(id, owner)
    this.receiver = receiver
    this.#request = request
    this.asked = {
      head: request.method === 'HEAD',
      connect: request.method === 'CONNECT',
      upgrade: request.upgrade !== undefined,
    }
    this.outgoingLeft = asksForTunnel(request) ? unknownLength : request.bodyLength
  }

  protected get faultCode() {
    return 'upstream_protocol' as const
  }

  protected get idleCode() {
    return 'upstream_timeout' as const
  }

  protected get outgoingFaultCode() {
    return 'bad_request' as const
  }

  /** The request's head was written. `mark`: its frame's. */
  begin(mark: number, end: boolean): void {
    this.mark = mark
    if (end) this.localEnd()
  }

  receiveHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200 && head.status !== 101) return this.receiver.onInformational(head)
    this.answered = true
    this.tunnel = opensTunnel(this.#request, head)
    this.incomingLeft = this.#expected(head)
    this.silentEnd = endStream
    this.receiver.onHead(head, endStream)
    if (this.closed) return
    if (endStream) this.remoteEnd(undefined)
    // No tunnel after all: nothing more goes up.
    if (asksForTunnel(this.#request) && !this.tunnel) this.end()
  }

  override receive(chunk: Buffer): void {
    if (!this.answered) return this.fault(errorCode.protocolError, 'DATA before the head')
    super.receive(chunk)
  }

  override remoteEnd(trailers: Parameters<Http2Stream['remoteEnd']>[0]): void {
    if (!this.answered) return this.fault(errorCode.protocolError, 'END_STREAM before the head')
    super.remoteEnd(trailers)
  }

  reset(error: ExchangeError): void {
    this.resetWith(error.code === 'upstream_protocol' ? errorCode.protocolError : errorCode.cancel)
  }

  /** RST_STREAM came. */
  resetByPeer(code: number): void {
    // RFC 9113 §8.1: the answer is complete, the server only wants no more of the request.
    if (this.remoteEnded && code === errorCode.noError) return this.close()
    const reason = code === errorCode.refusedStream ? 'upstream_refused' : 'upstream_reset'
    this.abort(new ExchangeError(reason, `stream ${this.id}: reset by peer (${code})`))
  }

  #expected(head: ResponseHead): number {
    if (this.tunnel) return unknownLength
    return mayAnnounceMore(head.status, this.asked) ? 0 : head.bodyLength
  }
}
