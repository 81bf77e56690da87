import type { ExchangeError } from '../../src/base/errors.ts'
import type { HeaderList } from '../../src/http/headers.ts'
import type { RequestHead, ResponseHead } from '../../src/http/message.ts'
import type {
  ClientConnection,
  ClientStream,
  RequestReceiver,
  ResponseReceiver,
  ServerStream,
} from '../../src/http/stream.ts'
import { requestHead } from './requests.ts'

/** What the proxy sends on a stream. */
class FakeStream {
  body = ''
  ended = false
  resetWith: ExchangeError | undefined
  paused = false
  /** What `write` returns. */
  writable = true

  write(chunk: Buffer): boolean {
    this.body += chunk.toString()
    return this.writable
  }

  reset(error: ExchangeError): void {
    this.resetWith = error
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }
}

/** Records what the proxy answers; the test plays the downstream's part through `receiver`. */
export class FakeServerStream extends FakeStream implements ServerStream {
  readonly request: RequestHead
  readonly connection = { remoteAddress: '127.0.0.1', peerIdentity: undefined }
  declare receiver: RequestReceiver
  heads: ResponseHead[] = []
  informational: ResponseHead[] = []
  trailers: HeaderList | undefined

  constructor(changes: Partial<RequestHead> = {}) {
    super()
    this.request = requestHead(changes)
  }

  sendInformational(head: ResponseHead): void {
    this.informational.push(head)
  }

  sendHead(head: ResponseHead, end: boolean): void {
    this.heads.push(head)
    this.ended = end
  }

  end(trailers?: HeaderList): void {
    this.ended = true
    this.trailers = trailers
  }
}

/** One request that reached a fake upstream; the test answers through `receiver`. */
export class FakeClientStream extends FakeStream implements ClientStream {
  readonly head: RequestHead
  readonly receiver: ResponseReceiver

  constructor(head: RequestHead, receiver: ResponseReceiver, ended: boolean) {
    super()
    this.head = head
    this.receiver = receiver
    this.ended = ended
  }

  end(): void {
    this.ended = true
  }
}

/** A connection that takes any number of requests. */
export class FakeClientConnection implements ClientConnection {
  readonly streams: FakeClientStream[] = []
  capacity = 100
  multiplexed = false
  isStale = (): boolean => false
  active = 0
  served = 0
  closed = false
  drained = false

  request(head: RequestHead, receiver: ResponseReceiver, end: boolean): ClientStream {
    const stream = new FakeClientStream(head, receiver, end)
    this.streams.push(stream)
    return stream
  }

  drain(): void {
    this.drained = true
  }

  destroy(): void {
    this.closed = true
  }

  sweep(): void {}
}
