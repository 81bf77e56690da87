// A single request to the application, on a connection of its own, by the codecs that are loaded anyway.
import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { monotonicNow } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { HeaderList } from '../../http/headers.ts'
import { Http1ClientConnection } from '../../http/http1/client-connection.ts'
import { Http2ClientConnection } from '../../http/http2/client-connection.ts'
import { defaultLimits } from '../../http/limits.ts'
import type { RequestHead, ResponseHead } from '../../http/message.ts'
import { SharedReader } from '../../http/shared-reader.ts'
import type { ClientConnection, ResponseReceiver } from '../../http/stream.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { established } from '../upstream/connect.ts'

export interface ApplicationRequest {
  readonly address: SocketAddress
  /** `https`: the certificate is not checked. `h2`: HTTP/2 with prior knowledge. */
  readonly wire: 'http' | 'https' | 'h2'
  readonly method: 'GET' | 'POST'
  /** host[:port]. Default: the address. */
  readonly authority?: string
  readonly path: string
  readonly headers: HeaderList
  readonly body?: Buffer
  /** For all of it, connecting included. */
  readonly timeoutMs: number
  /** Of the answer's body, as many bytes are kept. */
  readonly maxBodyBytes: number
  /** Gives up early. */
  readonly signal: AbortSignal
}

export interface ApplicationAnswer {
  readonly status: number
  readonly headers: HeaderList
  readonly body: Buffer
  /** The body is longer, and the rest was not waited for. */
  readonly cut: boolean
  readonly trailers: HeaderList | undefined
}

/** @throws ExchangeError when there is no whole answer in time. */
export async function askApplication(request: ApplicationRequest): Promise<ApplicationAnswer> {
  const reader = new SharedReader()
  const socket = openSocket(request, reader)
  const { timeoutMs, signal } = request
  const answer = new AnswerReceiver(request.maxBodyBytes)
  const giveUp = (message: string) => (): void => {
    const error = new ExchangeError('upstream_timeout', message)
    answer.onReset(error)
    socket.destroy(error)
  }
  const onAbort = giveUp('given up')
  const timer = setTimeout(giveUp(`no answer within ${timeoutMs} ms`), timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) onAbort()
    await opened(socket, request)
    const connection = await greeted(socket, request, reader)
    const { body } = request
    const stream = connection.request(headOf(request), answer, body === undefined)
    if (body !== undefined) {
      stream.write(body)
      stream.end()
    }
    return await answer.whole
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}

export type ConnectRequest = Pick<ApplicationRequest, 'address' | 'timeoutMs' | 'signal'>

/** Whether somebody takes connections there. @throws ExchangeError when nobody does. */
export async function connectToApplication(request: ConnectRequest): Promise<void> {
  const { signal } = request
  const socket = net.connect(request.address)
  const giveUp = (): void => void socket.destroy(new Error('given up'))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    if (signal.aborted) giveUp()
    await opened(socket, { ...request, wire: 'http' })
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.destroy()
  }
}

export function authorityOf({ host, port }: SocketAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function openSocket({ address, wire }: ApplicationRequest, { onread }: SharedReader): Socket {
  if (wire !== 'https')
    return net.connect({ ...address, noDelay: true, allowHalfOpen: true, onread })
  // `onread` is documented, and missing in the types.
  const options = { ...address, onread, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  return tls.connect(options as tls.ConnectionOptions)
}

function opened(
  socket: Socket,
  { address, wire, timeoutMs }: Pick<ApplicationRequest, 'address' | 'wire' | 'timeoutMs'>,
): Promise<void> {
  const event = wire === 'https' ? 'secureConnect' : 'connect'
  return established(socket, event, authorityOf(address), timeoutMs)
}

const limits = defaultLimits

/** Of HTTP/2, once the server's SETTINGS came. */
async function greeted(
  socket: Socket,
  { wire, address, timeoutMs }: ApplicationRequest,
  reader: SharedReader,
): Promise<ClientConnection> {
  const where = authorityOf(address)
  const ready = Promise.withResolvers<void>()
  const events = {
    onCapacity: () => ready.resolve(),
    onRetired: () => {},
    onClosed: (_connection: ClientConnection, error: ExchangeError | undefined) =>
      ready.reject(error ?? new ExchangeError('upstream_closed', `${where} closed`)),
  }
  // Of HTTP/1 nobody waits for it.
  ready.promise.catch(() => {})
  const common = { limits, events, now: monotonicNow }
  const connection =
    wire === 'h2'
      ? new Http2ClientConnection(socket, common)
      : new Http1ClientConnection(socket, { ...common, idleMs: timeoutMs, where })
  reader.attach(connection)
  if (wire === 'h2') await ready.promise
  return connection
}

function headOf(request: ApplicationRequest): RequestHead {
  const { method, wire, address, authority, path, headers, body } = request
  return {
    method,
    scheme: wire === 'https' ? 'https' : 'http',
    authority: authority ?? authorityOf(address),
    path,
    headers,
    version: wire === 'h2' ? '2' : '1.1',
    bodyLength: body?.length ?? 0,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: wire === 'h2',
  }
}

class AnswerReceiver implements ResponseReceiver {
  readonly #maxBytes: number
  readonly #answered = Promise.withResolvers<ApplicationAnswer>()
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #over = false
  #head: ResponseHead | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    // It may fail before somebody waits for it.
    this.#answered.promise.catch(() => {})
  }

  get whole(): Promise<ApplicationAnswer> {
    return this.#answered.promise
  }

  onInformational(): void {}

  onHead(head: ResponseHead, end: boolean): void {
    this.#head = head
    if (end) this.#resolve(false, undefined)
  }

  onBody(chunk: Buffer): void {
    if (this.#over) return
    const room = this.#maxBytes - this.#bytes
    if (room <= 0) return this.#resolve(true, undefined)
    // The chunk is lent.
    const kept = Buffer.from(chunk.subarray(0, room))
    this.#chunks.push(kept)
    this.#bytes += kept.length
    if (chunk.length > room) this.#resolve(true, undefined)
  }

  onEnd(trailers: HeaderList | undefined): void {
    this.#resolve(false, trailers)
  }

  onReset(error: ExchangeError): void {
    this.#answered.reject(error)
  }

  onWritable(): void {}

  #resolve(cut: boolean, trailers: HeaderList | undefined): void {
    this.#over = true
    const { status = 0, headers } = this.#head ?? {}
    if (headers === undefined) return
    this.#answered.resolve({ status, headers, body: Buffer.concat(this.#chunks), cut, trailers })
  }
}
