import { readFile } from 'node:fs/promises'
import { Agent, type Dispatcher } from 'undici'
import { readBounded } from '../bounded-body.ts'

export interface KubernetesApiOptions {
  /** `https://10.0.0.1:443`. */
  readonly server: string
  /** Read for each request: the kubelet replaces it long before it ends. */
  readonly tokenFile: string
  /** PEM. */
  readonly caFile: string
}

/** One request; `what` is what it is about, for people. */
export interface KubernetesRequest {
  readonly method: 'GET' | 'PATCH'
  readonly path: string
  readonly what: string
  /** A JSON merge patch (RFC 7386). */
  readonly patch?: object
  readonly signal: AbortSignal
}

/** The API server did not do it. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined
  /** What the server asks for, before it is tried again. */
  readonly retryAfterMs: number | undefined

  constructor(message: string, status?: number, retryAfterMs?: number) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

const maxAnswerBytes = 1024 * 1024
const connectTimeoutMs = 5000
/** Of one answer: the API server itself ends requests after a minute. */
const answerTimeoutMs = 15_000

/** As much of the Kubernetes API as it takes to scale: one object, read and patched. */
export class KubernetesApi {
  readonly #options: KubernetesApiOptions
  #agent: { readonly ca: string; readonly agent: Agent } | undefined

  constructor(options: KubernetesApiOptions) {
    this.#options = options
  }

  /** @throws KubernetesError */
  async request(request: KubernetesRequest): Promise<unknown> {
    const first = await this.#send(request)
    // The token may have been replaced since it was read.
    const { status, text, retryAfter } = first.status === 401 ? await this.#send(request) : first
    if (status < 300) return parsed(text)
    const seconds = Number(retryAfter ?? Number.NaN)
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined
    throw new KubernetesError(whyNot(request.what, status, text), status, retryAfterMs)
  }

  async close(): Promise<void> {
    await this.#agent?.agent.destroy()
  }

  async #send({ method, path, patch, signal, what }: KubernetesRequest): Promise<Answer> {
    const { server } = this.#options
    const token = await this.#read('tokenFile')
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)])
    try {
      const answer = await (
        await this.#connect()
      ).request({
        origin: server,
        method,
        path,
        signal: bounded,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token.trim()}`,
          ...(patch !== undefined && { 'content-type': 'application/merge-patch+json' }),
        },
        ...(patch !== undefined && { body: JSON.stringify(patch) }),
      })
      const text = await readBounded(answer.body, maxAnswerBytes)
      return { status: answer.statusCode, text, retryAfter: retryAfterOf(answer) }
    } catch (error) {
      throw new KubernetesError(whyUnreachable(server, what, error))
    }
  }

  /** Connections of the authority that the file names now. */
  async #connect(): Promise<Agent> {
    const secure = this.#options.server.startsWith('https:')
    const ca = secure ? await this.#read('caFile') : ''
    if (this.#agent?.ca === ca) return this.#agent.agent
    // Those under way end by themselves.
    void this.#agent?.agent.close()
    const connect = { timeout: connectTimeoutMs, ...(secure && { ca }) }
    const agent = new Agent({ connect, allowH2: false, connections: 4, pipelining: 1 })
    this.#agent = { ca, agent }
    return agent
  }

  async #read(file: 'tokenFile' | 'caFile'): Promise<string> {
    const path = this.#options[file]
    return readFile(path, 'utf8').catch((error: unknown) => {
      throw new KubernetesError(
        `cannot read ${path}: ${(error as Error).message}; name it as kubernetes.${file}`,
      )
    })
  }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

function retryAfterOf({ headers }: Dispatcher.ResponseData): string | undefined {
  const value = headers['retry-after']
  return typeof value === 'string' ? value : undefined
}

/** Its own words stand in the `message` of a Status. */
function whyNot(what: string, status: number, text: string): string {
  const body = parsed(text) as { message?: unknown } | undefined
  const said = typeof body?.message === 'string' ? `: ${body.message}` : ''
  switch (status) {
    case 401:
      return `the API server does not know the control plane's token${said}`
    case 403:
      return `the control plane may not scale ${what}: give it get and patch on deployments/scale${said}`
    case 404:
    case 410:
      return `there is no ${what}: create it with 0 replicas${said}`
    case 409:
      return `${what} was changed by somebody else at the same time${said}`
    case 429:
      return `the API server has too much to do${said}`
    default:
      return `the API server answered ${status} for ${what}${said}`
  }
}

function whyUnreachable(server: string, what: string, error: unknown): string {
  const { name, message } = error as Error
  const timedOut = name === 'AbortError' || name === 'TimeoutError'
  return `the API server at ${server} ${timedOut ? 'did not answer in time' : `cannot be asked: ${message}`} (${what})`
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
