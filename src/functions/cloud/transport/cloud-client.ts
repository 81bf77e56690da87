import type { Readable } from 'node:stream'
import { isSecure } from '../../../base/secure-origin.ts'
import { rootCertificates } from 'node:tls'
import { Agent, buildConnector } from 'undici'
import { BackendError, type Header } from '../backend.ts'
import { orAborted } from './deadline.ts'

export interface CloudRequest {
  readonly method: string
  /** `https://host[:port]`. */
  readonly origin: string
  /** With the query, as it goes on the wire. */
  readonly path: string
  readonly headers: readonly Header[]
  readonly body?: Buffer
  /** `http:` to other hosts than this one is refused unless this is set. */
  readonly allowPlainHttp?: boolean
  /** Ends the body of the answer too. Aborts with a {@link BackendError} as its reason. */
  readonly signal: AbortSignal
}

export interface CloudAnswer {
  readonly status: number
  /** Names in lower case, several of one name as they came. */
  readonly headers: readonly Header[]
  /** Has to be read to its end, or destroyed. */
  readonly body: Readable
}

export interface CloudClientOptions {
  /** PEM of authorities to trust besides those of Node. */
  readonly authorities?: readonly string[] | undefined
  readonly connectTimeoutMs?: number
  /** Requests under way, of all hosts together. Default 256. */
  readonly maxRequests?: number
}

const defaultConnectTimeoutMs = 5000
const defaultMaxRequests = 256
const maxHeaderBytes = 64 * 1024
/** Of silence within a body; the deadline holds besides. */
const bodySilenceMs = 60_000

class ConnectError extends Error {}

/**
 * The way to the clouds: HTTP/1.1 in TLS, whose certificates are always verified. Follows no redirects, retries
 * nothing.
 */
export class CloudClient {
  readonly #agent: Agent
  readonly #maxRequests: number
  #requests = 0

  constructor({ authorities, connectTimeoutMs, maxRequests }: CloudClientOptions = {}) {
    this.#maxRequests = maxRequests ?? defaultMaxRequests
    this.#agent = new Agent({
      connect: markingConnector(connectTimeoutMs ?? defaultConnectTimeoutMs, authorities),
      maxHeaderSize: maxHeaderBytes,
      // The deadline of each request is what ends it; undici's own clock is coarse.
      headersTimeout: 0,
      bodyTimeout: bodySilenceMs,
      allowH2: false,
      pipelining: 1,
    })
  }

  /** @throws BackendError */
  async send(options: CloudRequest): Promise<CloudAnswer> {
    if (!isSecure(options.origin, options.allowPlainHttp ?? false))
      throw new BackendError('bad_request', `${options.origin}: only https is allowed`, {
        unsent: true,
      })
    if (this.#requests >= this.#maxRequests)
      throw new BackendError('overloaded', `${this.#maxRequests} requests are under way already`, {
        unsent: true,
      })
    this.#requests++
    try {
      const answer = await this.#send(options)
      answer.body.once('close', () => this.#requests--)
      return answer
    } catch (error) {
      this.#requests--
      throw error
    }
  }

  /** Ends all connections, and what is under way on them. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #send({ method, origin, path, headers, body, signal }: CloudRequest): Promise<CloudAnswer> {
    try {
      const sent = this.#agent.request({
        origin,
        method,
        path,
        headers: headers.flat(),
        body: body ?? null,
        signal,
      })
      // undici hears of an abort only when it is connected.
      const answer = await orAborted(sent, signal, late => late.body.destroy())
      // What breaks off is told to whoever reads; nobody may be reading yet.
      answer.body.on('error', () => {})
      return {
        status: answer.statusCode,
        headers: headerList(answer.headers),
        body: answer.body,
      }
    } catch (error) {
      throw transportError(error, origin)
    }
  }
}

/** What fails here was provably never sent; undici's own errors do not say. */
function markingConnector(
  timeout: number,
  authorities: readonly string[] | undefined,
): buildConnector.connector {
  const options = { timeout, rejectUnauthorized: true, allowH2: false }
  const connect = buildConnector(
    authorities === undefined ? options : { ...options, ca: [...rootCertificates, ...authorities] },
  )
  return (target, callback) =>
    connect(target, (error, socket) => {
      if (error === null) callback(null, socket)
      else callback(new ConnectError(error.message, { cause: error }), null)
    })
}

/** What undici, or a stream of it, has thrown. */
export function transportError(error: unknown, where: string): BackendError {
  if (error instanceof BackendError) return error
  const { message } = error as Error
  if (error instanceof ConnectError)
    return new BackendError('connect_failed', `${where}: ${message}`, {
      unsent: true,
      cause: error,
    })
  const { code } = error as { code?: unknown }
  if (code === 'UND_ERR_INVALID_ARG')
    return new BackendError('bad_request', `${where}: ${message}`, { unsent: true })
  if (code === 'UND_ERR_BODY_TIMEOUT') return new BackendError('timeout', `${where}: ${message}`)
  const malformed =
    error instanceof Error &&
    (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
  return new BackendError(malformed ? 'protocol' : 'reset', `${where}: ${message}`, {
    cause: error,
  })
}

function headerList(headers: Readonly<Record<string, string | string[] | undefined>>): Header[] {
  return Object.entries(headers).flatMap(([name, value = []]) =>
    [value].flat().map((one): Header => [name, one]),
  )
}
