// Servers, clients and a receiver for tests of both sides.
import type { ExchangeError } from '../../../../src/base/errors.ts'
import type { HeaderList } from '../../../../src/http/headers.ts'
import { Http2ClientConnection } from '../../../../src/http/http2/client-connection.ts'
import type { Http2ClientOptions } from '../../../../src/http/http2/client-connection.ts'
import { Http2ServerConnection } from '../../../../src/http/http2/server-connection.ts'
import type { Http2ServerOptions } from '../../../../src/http/http2/server-connection.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import type { ResponseHead } from '../../../../src/http/message.ts'
import type { RequestHandler, ResponseReceiver } from '../../../../src/http/stream.ts'
import { once } from 'node:events'
import net from 'node:net'
import { listen } from '../../../support/listener.ts'

/** Records a response; `done` settles with its end, whatever that is. */
export class Collector implements ResponseReceiver {
  head: ResponseHead | undefined
  readonly informational: ResponseHead[] = []
  readonly chunks: Buffer[] = []
  trailers: HeaderList | undefined
  error: ExchangeError | undefined
  writable: () => void = () => {}
  readonly done: Promise<void>
  readonly headed: Promise<void>
  #settle: () => void = () => {}
  #settleHead: () => void = () => {}

  constructor() {
    this.done = new Promise(resolve => {
      this.#settle = resolve
    })
    this.headed = new Promise(resolve => {
      this.#settleHead = resolve
    })
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks)
  }

  onInformational(head: ResponseHead): void {
    this.informational.push(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.head = head
    this.#settleHead()
    if (end) this.#settle()
  }

  onBody(chunk: Buffer): void {
    this.chunks.push(chunk)
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.trailers = trailers
    this.#settle()
  }

  onReset(error: ExchangeError): void {
    this.error = error
    this.#settle()
    this.#settleHead()
  }

  onWritable(): void {
    this.writable()
  }
}

/** A server on a free port; its connections are in `connections`. */
export async function serve(onRequest: RequestHandler, options: Partial<Http2ServerOptions> = {}) {
  const connections: Http2ServerConnection[] = []
  const listener = await listen(socket => {
    const connection = new Http2ServerConnection(socket, {
      limits: defaultLimits,
      info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
      now: () => 0,
      onRequest,
      ...options,
    })
    connections.push(connection)
  })
  return { ...listener, connections }
}

/** A client whose peer has announced its SETTINGS. */
export async function connect(port: number, options: Partial<Http2ClientOptions> = {}) {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const told: string[] = []
  let ready: () => void = () => {}
  let gone: () => void = () => {}
  const capacity = new Promise<void>(resolve => {
    ready = resolve
  })
  const closed = new Promise<void>(resolve => {
    gone = resolve
  })
  const connection = new Http2ClientConnection(socket, {
    limits: defaultLimits,
    now: () => 0,
    events: {
      onCapacity() {
        told.push('capacity')
        ready()
      },
      onRetired: () => told.push('retired'),
      onClosed(_connection, error) {
        told.push(error === undefined ? 'closed' : `closed: ${error.code}`)
        ready()
        gone()
      },
    },
    ...options,
  })
  await capacity
  return {
    connection,
    socket,
    told,
    closed,
    async [Symbol.asyncDispose]() {
      connection.destroy()
      await closed
    },
  }
}
