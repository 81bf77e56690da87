import { once } from 'node:events'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { monotonicNow, type Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { SocketAddress } from '../../../model/bootstrap.ts'
import type { ServerCertificate } from '../../certificate-authority.ts'
import { listen, portOf } from '../../listen.ts'
import type { InjectionContext } from '../injection/injection.ts'
import { AdmissionCounters } from './admission-counters.ts'
import { admitPod, type Admitted } from './admission-review.ts'
import { RequestBodies, RequestError } from './request-body.ts'

export interface WebhookOptions {
  readonly address: SocketAddress
  /** A certificate for the names that the API server asks for. */
  readonly issue: () => Promise<ServerCertificate>
  /** How to inject, now. */
  readonly context: () => Omit<InjectionContext, 'namespace'>
  /** ms since 1970. */
  readonly now: Now
  readonly logger: Logger
  /** From the first byte of a request to its last. Default 10000. */
  readonly requestTimeoutMs?: number
}

const injectPath = '/inject'

const maxConnections = 256
/** Go's client gives up idle connections after 90 s; it must be the one that does. */
const idleMs = 120_000
const lookMs = 60_000
/** Time for whoever sends too much to read why that is the end. */
const lingerMs = 1000

/** The mutating admission webhook. It needs no certificate of its caller: what it answers is no secret. */
export class WebhookServer {
  readonly counters = new AdmissionCounters()
  readonly #options: WebhookOptions
  readonly #server: Server
  readonly #bodies = new RequestBodies()
  readonly #renewal: NodeJS.Timeout
  /** Sockets of requests whose bodies are being read. */
  readonly #served = new WeakSet<Duplex>()
  #certificate: ServerCertificate

  private constructor(options: WebhookOptions, certificate: ServerCertificate) {
    const { requestTimeoutMs = 10_000 } = options
    this.#options = options
    this.#certificate = certificate
    this.#server = createServer(
      {
        ...secureContext(certificate),
        handshakeTimeout: 10_000,
        requestTimeout: requestTimeoutMs,
        headersTimeout: Math.min(5000, requestTimeoutMs),
        keepAliveTimeout: idleMs,
        connectionsCheckingInterval: Math.min(1000, requestTimeoutMs),
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.maxConnections = maxConnections
    this.#server.on('clientError', (error, socket) => this.#malformed(error, socket))
    this.#renewal = setInterval(() => void this.#renewIfDue(), lookMs).unref()
  }

  /** @throws Error that names address and setting when the port cannot be had. */
  static async listen(options: WebhookOptions): Promise<WebhookServer> {
    const webhook = new WebhookServer(options, await options.issue())
    try {
      await listen(webhook.#server, options.address, 'webhook')
    } catch (error) {
      clearInterval(webhook.#renewal)
      throw error
    }
    webhook.#server.on('error', error => options.logger.error({ error }, 'webhook port failed'))
    return webhook
  }

  get port(): number {
    return portOf(this.#server)
  }

  /** Requests under way are cut: the API server asks another replica, or does what the failure policy says. */
  async close(): Promise<void> {
    clearInterval(this.#renewal)
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Old connections go on; new ones see the new certificate. */
  async #renewIfDue(): Promise<void> {
    const { issue, now, logger } = this.#options
    const { notBefore, notAfter } = this.#certificate
    if (now() < (notBefore + notAfter) / 2) return
    try {
      this.#certificate = await issue()
      this.#server.setSecureContext(secureContext(this.#certificate))
    } catch (error) {
      logger.error({ error }, "could not renew the webhook's certificate")
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = monotonicNow()
    this.#served.add(request.socket)
    try {
      const { outcome, answer } = await this.#admit(request)
      this.counters.count(outcome.type, monotonicNow() - startedAt)
      if (outcome.type === 'skipped') this.counters.countSkipped(outcome.reason)
      send(response, 200, JSON.stringify(answer))
    } catch (error) {
      // Whoever broke off, or was too slow, hears nothing any more.
      const isOurs = request.complete && !(error instanceof RequestError)
      if (isOurs) this.#options.logger.error({ error }, 'could not answer a review')
      this.counters.count(isOurs ? 'failed' : 'invalid', monotonicNow() - startedAt)
      refuse(request, response, error instanceof RequestError ? error : fault)
    } finally {
      this.#served.delete(request.socket)
    }
  }

  async #admit(request: IncomingMessage): Promise<Admitted> {
    checkHead(request)
    const review = parseJson(await this.#bodies.read(request))
    const admitted = admitPod(review, this.#options.context())
    if ('problem' in admitted) throw new RequestError(400, admitted.problem)
    return admitted
  }

  /** What is no HTTP, or does not come to its end in time. */
  #malformed(error: Error, socket: Duplex): void {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT'
    // Of a request that has a head, the end is counted where it is served.
    if (!this.#served.has(socket)) this.counters.count('invalid', 0)
    const status = isLate ? 408 : 400
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`)
    setTimeout(() => socket.destroy(), lingerMs).unref()
  }
}

const fault = new RequestError(500, 'the injector failed')

/** @throws RequestError */
function checkHead({ method, url = '', headers }: IncomingMessage): void {
  // The API server adds `?timeout=10s`.
  const [path = ''] = url.split('?', 1)
  if (path !== injectPath) throw new RequestError(404, `reviews go to ${injectPath}`)
  if (method !== 'POST') throw new RequestError(405, `${injectPath} takes POST`)
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== 'application/json')
    throw new RequestError(415, 'a review is application/json')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestError(400, 'the body is no JSON')
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

/** Closes the connection: what is still being sent on it would be read for nothing. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, message }: RequestError,
): void {
  if (response.destroyed) return
  const body = `${JSON.stringify({ error: message })}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
    ...(status === 405 && { allow: 'POST' }),
  })
  response.write(body)
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  // Closing at once could reset the connection before the answer is read.
  const timer = setTimeout(end, lingerMs)
  if (request.complete) end()
  else request.once('close', end).once('end', end).resume()
}

function secureContext({ privateKey, chain }: ServerCertificate): SecureContextOptions {
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: chain,
    minVersion: 'TLSv1.2',
  }
}
