// The server side under test, on a real port, and what its handler sees.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { errorTable } from '../../../../src/base/errors.ts'
import type { ErrorCode, ExchangeError } from '../../../../src/base/errors.ts'
import type { HeaderList } from '../../../../src/http/headers.ts'
import { writeRequestHead } from '../../../../src/http/http1/head-writer.ts'
import {
  Http1ServerConnection,
  type Http1ServerOptions,
} from '../../../../src/http/http1/server-connection.ts'
import { defaultLimits } from '../../../../src/http/limits.ts'
import type { HttpLimits } from '../../../../src/http/limits.ts'
import { unknownLength, type ResponseHead } from '../../../../src/http/message.ts'
import { adoptAccepted, SharedReader } from '../../../../src/http/shared-reader.ts'
import type { RequestReceiver, ServerStream } from '../../../../src/http/stream.ts'
import { lending } from '../../../support/lending.ts'
import { listen } from '../../../support/listener.ts'
import { responseHead } from '../../../support/requests.ts'

/** Answers completely, with a length. */
export function answer(stream: ServerStream, body: string, status = 200): void {
  stream.sendHead(responseHead(status, { bodyLength: body.length }), body === '')
  if (body === '') return
  stream.write(Buffer.from(body, 'latin1'))
  stream.end()
}

/** One request as the handler saw it. */
export class Seen implements RequestReceiver {
  readonly stream: ServerStream
  body = ''
  complete: boolean
  trailers: HeaderList | undefined
  error: ExchangeError | undefined
  /** How often it was told to write on. */
  writable = 0
  /** Everything that was told, in order. */
  readonly told: string[] = []
  readonly #onComplete: (seen: Seen) => void
  readonly #changes = new EventEmitter()

  constructor(stream: ServerStream, onComplete: (seen: Seen) => void = () => {}) {
    this.stream = stream
    this.#onComplete = onComplete
    this.complete = stream.request.bodyLength === 0
  }

  /** What a client connection to the application would write for the head. */
  get upstreamHead(): string {
    const { bodyLength } = this.stream.request
    const framing = bodyLength === unknownLength ? 'chunked' : bodyLength === 0 ? 'none' : 'length'
    return writeRequestHead(this.stream.request, framing)
  }

  onBody(chunk: Buffer): void {
    this.body += chunk.toString('latin1')
    this.#tell('body')
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.complete = true
    this.trailers = trailers
    this.#onComplete(this)
    this.#tell('end')
  }

  onReset(error: ExchangeError): void {
    this.error = error
    this.#tell(`reset ${error.code}`)
  }

  onWritable(): void {
    this.writable++
    this.#tell('writable')
  }

  async until(fits: (seen: Seen) => boolean): Promise<this> {
    while (!fits(this)) await once(this.#changes, 'change')
    return this
  }

  #tell(what: string): void {
    if (this.told.at(-1) !== what || what !== 'body') this.told.push(what)
    this.#changes.emit('change')
  }
}

export interface Serving {
  /** Called with each request; what it leaves undone the test does through {@link Seen.stream}. */
  readonly handle?: (seen: Seen) => void
  /** Called with each request once all of it has come. */
  readonly onComplete?: (seen: Seen) => void
  /** Default: an answer of the status that belongs to the code. */
  readonly renderError?: Http1ServerOptions['renderError']
  readonly limits?: Partial<HttpLimits>
  /** Milliseconds that the connections believe. */
  readonly clock?: { now: number }
}

/** A server on a free port. `requests`: what handlers saw; `refused`: codes of what they were spared. */
export async function serve({
  handle,
  onComplete = () => {},
  renderError = renderCode,
  limits = {},
  clock = { now: 0 },
}: Serving = {}) {
  const requests: Seen[] = []
  const refused: ErrorCode[] = []
  const connections: Http1ServerConnection[] = []
  const changes = new EventEmitter()
  let open = 0
  const accept = (accepted: Socket): void => {
    const reader = new SharedReader()
    const socket = adoptAccepted(accepted, reader)
    assert.ok(socket)
    const connection = new Http1ServerConnection(socket, {
      limits: { ...defaultLimits, ...limits },
      info: { remoteAddress: '127.0.0.1', peerIdentity: undefined },
      now: () => clock.now,
      onRefused: error => refused.push(error.code),
      renderError,
      onRequest: stream => {
        const seen = new Seen(stream, onComplete)
        stream.receiver = seen
        requests.push(seen)
        handle?.(seen)
        if (seen.complete) onComplete(seen)
        changes.emit('change')
      },
    })
    reader.attach(lending(connection))
    connections.push(connection)
    open++
    socket.on('close', () => {
      open--
      changes.emit('change')
    })
    changes.emit('change')
  }
  const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true }
  const listener = await listen(accept, options)
  const grown = async <T>(list: readonly T[], index: number): Promise<T> => {
    for (;;) {
      const item = list[index]
      if (item !== undefined) return item
      await once(changes, 'change')
    }
  }
  return {
    port: listener.port,
    requests,
    refused,
    connections,
    clock,
    get paths() {
      return requests.map(({ stream }) => stream.request.path)
    },
    /** Every connection is gone: what did not happen until now will not. */
    async idle() {
      while (open > 0) await once(changes, 'change')
    },
    /** The request of that index, when it has come. */
    request: (index = 0) => grown(requests, index),
    connection: (index = 0) => grown(connections, index),
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
}

function renderCode({ code }: ExchangeError): { head: ResponseHead; body: Buffer } {
  const body = Buffer.from(`${code}\n`)
  return { head: responseHead(errorTable[code].status, { bodyLength: body.length }), body }
}
