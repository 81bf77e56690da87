import { ExchangeError } from '../../base/errors.ts'
import { asksForTunnel, opensTunnel, unknownLength } from '../message.ts'
import type { RequestHead, ResponseHead } from '../message.ts'
import type { ConnectionInfo, RequestReceiver, ServerStream } from '../stream.ts'
import { isSuccess, mayAnnounceMore } from './head/response-head.ts'
import { errorCode } from './protocol.ts'
import { Http2Stream } from './stream.ts'
import type { StreamOwner } from './stream.ts'

interface ServerStreamOwner extends StreamOwner {
  readonly info: ConnectionInfo
  /** The peer understands the private field that declines an upgrade with 2xx. */
  readonly canDeclineUpgrade: boolean
  /** @returns the frame's mark. */
  writeResponseHead(stream: Http2ServerStream, head: ResponseHead, end: boolean): number
}

/** Until the handler has set its own. */
const nobody: RequestReceiver = {
  onBody() {},
  onEnd() {},
  onReset() {},
  onWritable() {},
}

export class Http2ServerStream extends Http2Stream implements ServerStream {
  readonly request: RequestHead
  receiver: RequestReceiver = nobody
  declare protected readonly owner: ServerStreamOwner
  constructor(id: number, owner: ServerStreamOwner, request: RequestHead, endStream: boolean) {
    super(id, owner)
    this.request = request
    this.remoteEnded = endStream
    this.silentEnd = request.bodyLength === 0 && !asksForTunnel(request)
    this.incomingLeft = asksForTunnel(request) ? unknownLength : request.bodyLength
  }

  get connection(): ConnectionInfo {
    return this.owner.info
  }

  protected get faultCode() {
    return 'bad_request' as const
  }

  protected get idleCode() {
    return 'request_timeout' as const
  }

  protected get outgoingFaultCode() {
    return 'upstream_protocol' as const
  }

  /** The handler has set its receiver. A request that will become a tunnel may have ended with its head. */
  begin(): void {
    if (this.remoteEnded && !this.silentEnd && !this.closed) this.receiver.onEnd(undefined)
  }

  sendInformational(head: ResponseHead): void {
    if (this.closed || this.localEnded) return
    this.owner.writeResponseHead(this, head, false)
  }

  sendHead(head: ResponseHead, end: boolean): void {
    if (this.closed || this.localEnded) return
    const { status } = head
    if (this.#isInexpressible(status)) {
      const message = `stream ${this.id}: status ${status} does not fit the request`
      this.resetBoth(errorCode.internalError, new ExchangeError('upstream_protocol', message))
      return
    }
    this.tunnel = opensTunnel(this.request, head)
    this.mark = this.owner.writeResponseHead(this, head, end)
    if (end) return this.localEnd()
    const bodiless = mayAnnounceMore(status, { head: this.request.method === 'HEAD' })
    this.outgoingLeft = this.tunnel ? unknownLength : bodiless ? 0 : head.bodyLength
  }

  reset(error: ExchangeError): void {
    this.resetWith(resetCodes[error.code] ?? errorCode.internalError)
  }

  override receive(chunk: Buffer): void {
    // CVE-2025-64763: nothing flows before the application has agreed to the tunnel.
    if (this.request.upgrade !== undefined && !this.tunnel)
      return this.fault(errorCode.protocolError, 'DATA before the protocol was switched')
    super.receive(chunk)
  }

  /** Answers that the peer would take for something else: a tunnel, or none. */
  #isInexpressible(status: number): boolean {
    if (this.request.upgrade === undefined) return status === 101
    return isSuccess(status) && !this.owner.canDeclineUpgrade
  }

  /** RFC 9113 §8.1: once the answer is complete, a client that still sends is asked to stop. */
  protected override localEnd(): void {
    super.localEnd()
    if (!this.closed && !this.tunnel) this.resetWith(errorCode.noError)
  }
}

/** RST_STREAM codes that tell the peer more than "internal error". */
const resetCodes: Partial<Record<ExchangeError['code'], number>> = {
  bad_request: errorCode.protocolError,
  upstream_refused: errorCode.refusedStream,
  draining: errorCode.refusedStream,
  downstream_closed: errorCode.cancel,
}
