import { fieldsOf } from '../../base/fields.ts'
import { Client, Pool, type Dispatcher } from 'undici'
import { LineDecoder } from '../../discovery/line-decoder.ts'
import { readBounded } from '../bounded-body.ts'

/** The engine did not do it. The message holds the engine's own words. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined

  constructor(message: string, status: number | undefined, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
  }
}

/** A path with its query, and how it may be asked for. */
interface AllowedCall {
  readonly method: EngineCall['method']
  readonly path: RegExp
}

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: string | Buffer
  readonly contentType?: string
  /** Besides 2xx. */
  readonly alsoFine?: readonly number[]
  readonly signal: AbortSignal
}

export interface EngineTransportOptions {
  readonly socket: string
  /** All that can be asked. */
  readonly allowed: readonly AllowedCall[]
  readonly maxAnswerBytes: number
}

/** An answer that ended. */
export interface EngineAnswer {
  readonly text: string
  /** The engine's clock, ms since 1970, to the second. Undefined: it did not say. */
  readonly date: number | undefined
}

const maxLineBytes = 64 * 1024
const connections = 8
const connectTimeoutMs = 5000
/** The caller's signal bounds each call; a stop takes as long as it may. */
const unbounded = { headersTimeout: 0, bodyTimeout: 0 }

/**
 * The Docker Engine API (docs.docker.com/reference/api/engine) over its socket, as far as a list allows. The socket is
 * as good as root on its host, and this list is all that stands between it and a fault of ours. Paths bear no version:
 * engines of today refuse the versions that older ones spoke, and what is used has looked the same since 1.24.
 */
export class EngineTransport {
  readonly #options: EngineTransportOptions
  readonly #pool: Pool

  constructor(options: EngineTransportOptions) {
    this.#options = options
    this.#pool = new Pool('http://localhost', {
      socketPath: options.socket,
      connections,
      pipelining: 1,
      connectTimeout: connectTimeoutMs,
      ...unbounded,
    })
  }

  /** What the answer's JSON holds; undefined when it is none. */
  async call(call: EngineCall): Promise<unknown> {
    return parsed((await this.ask(call)).text)
  }

  async ask(call: EngineCall): Promise<EngineAnswer> {
    const { socket, maxAnswerBytes } = this.#options
    const { statusCode, headers, body } = await this.#request(this.#pool, call)
    const text = await readBounded(body, maxAnswerBytes).catch((error: unknown) => {
      throw new EngineError(`the engine at ${socket} broke off its answer`, undefined, error)
    })
    const fine = statusCode < 300 || call.alsoFine?.includes(statusCode) === true
    if (!fine) throw new EngineError(messageOf(text, statusCode), statusCode)
    const date = Date.parse(String(headers['date']))
    return { text, date: Number.isNaN(date) ? undefined : date }
  }

  /** Reads lines of JSON until they end or `signal` aborts; rejects with the reason. */
  async follow(path: string, reader: LineReader, signal: AbortSignal): Promise<void> {
    // It takes its connection for itself.
    const client = new Client('http://localhost', {
      socketPath: this.#options.socket,
      connectTimeout: connectTimeoutMs,
      ...unbounded,
    })
    try {
      const { statusCode, body } = await this.#request(client, { method: 'GET', path, signal })
      if (statusCode !== 200) {
        const text = await readBounded(body, maxLineBytes).catch(() => '')
        throw new EngineError(messageOf(text, statusCode), statusCode)
      }
      reader.onOpen?.()
      const decoder = new LineDecoder(maxLineBytes)
      for await (const chunk of body)
        for (const value of decoder.push(chunk as Buffer)) reader.onValue(value)
    } finally {
      await client.destroy()
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #request(
    dispatcher: Dispatcher,
    { method, path, body, contentType, signal }: EngineCall,
  ): Promise<Dispatcher.ResponseData> {
    const { allowed, socket } = this.#options
    if (!allowed.some(entry => entry.method === method && entry.path.test(path)))
      throw new EngineError(
        `${method} ${path} is nothing that may be asked of the engine`,
        undefined,
      )
    signal.throwIfAborted()
    try {
      return await dispatcher.request({
        method,
        path,
        signal,
        ...(body !== undefined && { body }),
        ...(contentType !== undefined && { headers: { 'content-type': contentType } }),
      })
    } catch (error) {
      throw new EngineError(whyUnreachable(socket, error), undefined, error)
    }
  }
}

export interface LineReader {
  /** The answer has begun. */
  readonly onOpen?: () => void
  readonly onValue: (value: unknown) => void
}

/** What the engine says of itself stands in `message`. */
function messageOf(text: string, status: number): string {
  const { message } = fieldsOf(parsed(text))
  return typeof message === 'string' ? message : `the engine answered ${status}`
}

function whyUnreachable(socket: string, error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return `there is no Docker Engine at ${socket}`
  if (code === 'EACCES') return `${socket} is not ours to use: run the control plane in its group`
  if (code === 'ECONNREFUSED') return `the Docker Engine at ${socket} does not run`
  return name === 'AbortError' || name === 'TimeoutError'
    ? `the Docker Engine at ${socket} did not answer in time`
    : `the Docker Engine at ${socket}: ${message}`
}

/** The value of `filters` in a query. */
export function filterOf(filters: object): string {
  return encodeURIComponent(JSON.stringify(filters))
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    // What it is good for is decided by who needs it.
    return undefined
  }
}
