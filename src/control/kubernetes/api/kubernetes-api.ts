import { readFile } from 'node:fs/promises'
import { Agent, type Dispatcher } from 'undici'
import { LineDecoder, ProtocolError } from '../../../discovery/line-decoder.ts'
import { BodyTooLargeError, readBounded } from '../../bounded-body.ts'
import { readStatus } from './api-status.ts'
import { isOfCollection, permissionFor, verbOf } from './resource-path.ts'

export interface KubernetesApiOptions {
  /** `https://10.0.0.1:443`. */
  readonly server: string
  /** Read for each request: the kubelet replaces it long before it ends. */
  readonly tokenFile: string
  /** PEM. Read for each connection's sake as well, and of no use with `http:`. */
  readonly caFile: string
  /** A watch without a byte for so long is taken for dead. Default: 150 000, as bookmarks come each minute. */
  readonly watchSilenceMs?: number
}

/** One request; `what` is what it is about, for people. */
export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With the query, if any. */
  readonly path: string
  readonly what: string
  readonly body?: object
  /** Default: application/json, and for PATCH application/merge-patch+json (RFC 7386). */
  readonly contentType?: string
  readonly signal: AbortSignal
  /** Of the answer. Default: 1 MiB. */
  readonly maxBytes?: number
}

export interface KubernetesErrorDetails {
  readonly status?: number | undefined
  readonly retryAfterMs?: number | undefined
  readonly reason?: string | undefined
  readonly cause?: unknown
}

/** The API server did not do it. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined
  /** What the server asks for, before it is tried again. As it came: bound it. */
  readonly retryAfterMs: number | undefined
  /**
   * Of the Status that the server sent: AlreadyExists, Conflict, Expired, NotFound and so on. Of its causes,
   * ResourceVersionTooLarge goes first. Ours: AnswerTooLarge, MalformedWatch and SilentWatch.
   */
  readonly reason: string | undefined

  constructor(message: string, details: KubernetesErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = details.status
    this.retryAfterMs = details.retryAfterMs
    this.reason = details.reason
  }
}

/** Reasons of ours. */
export const answerTooLarge = 'AnswerTooLarge'
export const malformedWatch = 'MalformedWatch'
export const silentWatch = 'SilentWatch'

/** Names of errors: ours that ended a wait, and undici's. */
const silences = new Set([
  'AbortError',
  'TimeoutError',
  'HeadersTimeoutError',
  'BodyTimeoutError',
  'ConnectTimeoutError',
])

const maxAnswerBytes = 1024 * 1024
/** An object has at most 1.5 MiB in etcd; as JSON, with the name of each field, it may have more. */
const maxWatchLineBytes = 8 * 1024 * 1024
const connectTimeoutMs = 5000
/** Of one answer: the API server itself ends requests after a minute. */
const answerTimeoutMs = 30_000
const watchSilenceMs = 150_000
/** Each watch keeps one. */
const maxConnections = 64

/** A client of the Kubernetes API: JSON over HTTP/1.1, with the service account of our pod. */
export class KubernetesApi {
  readonly #options: KubernetesApiOptions
  #agent: { readonly ca: string; readonly agent: Agent } | undefined

  constructor(options: KubernetesApiOptions) {
    this.#options = options
  }

  /** The object that the answer holds; undefined when it is no JSON. @throws KubernetesError */
  async request(request: KubernetesRequest): Promise<unknown> {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(answerTimeoutMs)])
    const answer = await this.#admitted({ ...request, signal })
    const text = await this.#textOf(request, answer)
    if (answer.statusCode < 300) return parsed(text)
    throw refusal(request, answer, text)
  }

  /**
   * The events of a watch, one JSON value each. Ends when the server ends it; what is left of a line then is dropped.
   * `path` has the whole query. @throws KubernetesError
   */
  async *watch(path: string, what: string, signal: AbortSignal): AsyncGenerator<unknown, void> {
    const request = { method: 'GET', path, what, signal } as const
    const answer = await this.#admitted(request, this.#options.watchSilenceMs ?? watchSilenceMs)
    if (answer.statusCode >= 300)
      throw refusal(request, answer, await this.#textOf(request, answer))
    const lines = new LineDecoder(maxWatchLineBytes)
    try {
      for await (const chunk of answer.body) yield* lines.push(chunk as Buffer)
    } catch (error) {
      throw broken(this.#options.server, request, error)
    }
  }

  async close(): Promise<void> {
    await this.#agent?.agent.destroy()
  }

  /** Asks once more where the token may have been replaced since it was read. */
  async #admitted(request: KubernetesRequest, bodyTimeout?: number): Promise<Answer> {
    const first = await this.#send(request, bodyTimeout)
    if (first.statusCode !== 401) return first
    await this.#textOf(request, first)
    return this.#send(request, bodyTimeout)
  }

  async #send(request: KubernetesRequest, bodyTimeout?: number): Promise<Answer> {
    const { method, path, body, signal } = request
    const token = await readOrExplain(this.#options.tokenFile, 'the service account token')
    const agent = await this.#connect()
    try {
      return await agent.request({
        origin: this.#options.server,
        method,
        path,
        signal,
        headersTimeout: answerTimeoutMs,
        ...(bodyTimeout !== undefined && { bodyTimeout }),
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token.trim()}`,
          ...(body !== undefined && { 'content-type': contentTypeOf(request) }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    } catch (error) {
      throw broken(this.#options.server, request, error)
    }
  }

  async #textOf(request: KubernetesRequest, answer: Answer): Promise<string> {
    try {
      return await readBounded(answer.body, request.maxBytes ?? maxAnswerBytes)
    } catch (error) {
      throw broken(this.#options.server, request, error)
    }
  }

  /** Connections of the authority that the file names now. */
  async #connect(): Promise<Agent> {
    const secure = this.#options.server.startsWith('https:')
    const ca = secure
      ? await readOrExplain(this.#options.caFile, 'the certificate of the cluster')
      : ''
    if (this.#agent?.ca === ca) return this.#agent.agent
    // Those under way end by themselves.
    void this.#agent?.agent.close()
    const connect = { timeout: connectTimeoutMs, ...(secure && { ca }) }
    const agent = new Agent({ connect, allowH2: false, connections: maxConnections, pipelining: 1 })
    this.#agent = { ca, agent }
    return agent
  }
}

type Answer = Dispatcher.ResponseData

function contentTypeOf({ method, contentType }: KubernetesRequest): string {
  return contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json')
}

async function readOrExplain(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { message } = error as Error
    throw new KubernetesError(
      `cannot read ${what}: ${message}; let the kubelet mount it (automountServiceAccountToken), or name another file`,
      { cause: error },
    )
  }
}

function refusal(request: KubernetesRequest, answer: Answer, text: string): KubernetesError {
  const { statusCode, headers } = answer
  const { message, reason, retryAfterMs } = readStatus(parsed(text))
  const said = message === undefined ? '' : `: ${message}`
  // Seconds: the API server sends no dates.
  const seconds = Number(headers['retry-after'] ?? Number.NaN)
  return new KubernetesError(`${whyNot(request, statusCode, reason)}${said}`, {
    status: statusCode,
    reason,
    retryAfterMs: seconds >= 0 ? seconds * 1000 : retryAfterMs,
  })
}

/** The server's own words follow. */
function whyNot(
  { method, path, what }: KubernetesRequest,
  status: number,
  reason?: string,
): string {
  switch (status) {
    case 401:
      return `the API server does not know the control plane's token`
    case 403:
      return `the control plane may not ${verbOf(method, path)} ${what}: give its service account ${permissionFor(method, path)}`
    case 404:
      return method === 'GET' && isOfCollection(path)
        ? `the API server does not know ${what}: install their CustomResourceDefinition`
        : `there is no ${what}`
    case 409:
      return reason === 'AlreadyExists'
        ? `there is a ${what} already`
        : `${what} was changed by somebody else at the same time`
    case 410:
      return `${what} of that version are gone`
    case 429:
      return `the API server has too much to do`
    default:
      return `the API server answered ${status} for ${what}`
  }
}

function broken(server: string, { what }: KubernetesRequest, cause: unknown): KubernetesError {
  if (cause instanceof KubernetesError) return cause
  const { name, message } = cause as Error
  if (cause instanceof ProtocolError)
    return new KubernetesError(`the watch of ${what} sent ${message}`, {
      reason: malformedWatch,
      cause,
    })
  if (cause instanceof BodyTooLargeError)
    return new KubernetesError(`the API server sent ${message} for ${what}`, {
      reason: answerTooLarge,
      cause,
    })
  const late = silences.has(name)
  const why = late ? 'did not answer in time' : `cannot be asked: ${message}`
  const reason = name === 'BodyTimeoutError' ? silentWatch : undefined
  return new KubernetesError(`the API server at ${server} ${why} (${what})`, { reason, cause })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
