// The client side under test, connected to a peer that speaks as the test says.
import { EventEmitter, once } from 'node:events'
import net from 'node:net'
import type { ExchangeError } from '../../../../src/base/errors.ts'
import type { HeaderList } from '../../../../src/http/headers.ts'
import { Http1ClientConnection } from '../../../../src/http/http1/client-connection.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import type { HttpLimits } from '../../../../src/http/limits.ts'
import type { RequestHead, ResponseHead } from '../../../../src/http/message.ts'
import { SharedReader } from '../../../../src/http/shared-reader.ts'
import type { ClientStream, ResponseReceiver } from '../../../../src/http/stream.ts'
import { lending } from '../../../support/lending.ts'
import { listen } from '../../../support/listener.ts'
import { requestHead } from '../../../support/requests.ts'
import { Wire } from './wire.ts'

/** One answer as the caller saw it. */
export class Answer implements ResponseReceiver {
  declare stream: ClientStream
  head: ResponseHead | undefined
  readonly informational: ResponseHead[] = []
  body = ''
  trailers: HeaderList | undefined
  complete = false
  error: ExchangeError | undefined
  /** How often it was told to write on. */
  writable = 0
  readonly #changes = new EventEmitter()

  onInformational(head: ResponseHead): void {
    this.informational.push(head)
    this.#changes.emit('change')
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.head = head
    this.complete = end
    this.#changes.emit('change')
  }

  onBody(chunk: Buffer): void {
    this.body += chunk.toString('latin1')
    this.#changes.emit('change')
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.complete = true
    this.trailers = trailers
    this.#changes.emit('change')
  }

  onReset(error: ExchangeError): void {
    this.error = error
    this.#changes.emit('change')
  }

  onWritable(): void {
    this.writable++
    this.#changes.emit('change')
  }

  async until(fits: (answer: Answer) => boolean): Promise<this> {
    while (!fits(this)) await once(this.#changes, 'change')
    return this
  }

  /** Resolves with the end of the exchange, whatever it is. */
  async over(): Promise<this> {
    return this.until(({ complete, error }) => complete || error !== undefined)
  }
}

export interface Calling {
  readonly limits?: Partial<HttpLimits>
  /** Milliseconds that the connection believes. */
  readonly clock?: { now: number }
  readonly idleMs?: number
}

/** A connection, and in `peer` the other end of it. */
export async function call({ limits = {}, clock = { now: 0 }, idleMs = 4000 }: Calling = {}) {
  const accepted = Promise.withResolvers<Wire>()
  const listener = await listen(socket => accepted.resolve(new Wire(socket)), {
    allowHalfOpen: true,
    noDelay: true,
  })
  const { port } = listener
  const reader = new SharedReader()
  const { onread } = reader
  const socket = net.connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    allowHalfOpen: true,
    onread,
  })
  await once(socket, 'connect')
  const told: string[] = []
  const changes = new EventEmitter()
  const tell = (what: string): void => {
    told.push(what)
    changes.emit('change')
  }
  const connection = new Http1ClientConnection(socket, {
    limits: { ...defaultLimits, ...limits },
    now: () => clock.now,
    idleMs,
    where: 'orders:80',
    events: {
      onCapacity: () => tell('capacity'),
      onRetired: () => tell('retired'),
      onClosed: (_connection, error) =>
        tell(error === undefined ? 'closed' : `closed ${error.code}`),
    },
  })
  reader.attach(lending(connection))
  return {
    connection,
    socket,
    clock,
    peer: await accepted.promise,
    /** What the pool was told, in order. */
    told,
    /** Starts a request; without a body if `end`. */
    request(changed: Partial<RequestHead> = {}, end = true): Answer {
      const answer = new Answer()
      answer.stream = connection.request(requestHead(changed), answer, end)
      return answer
    },
    async closed(): Promise<void> {
      while (!told.some(what => what.startsWith('closed'))) await once(changes, 'change')
    },
    async [Symbol.asyncDispose]() {
      socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}
