import { Client, Pool, type Dispatcher } from 'undici'
import { LineDecoder } from '../../../discovery/line-decoder.ts'
import { readBounded } from '../bounded-body.ts'

/** A container as the list has it. */
export interface EngineContainer {
  readonly id: string
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`. */
  readonly state: string
  readonly labels: Readonly<Record<string, string>>
}

/** Something that happened to a container. */
export interface EngineEvent {
  readonly container: string
  readonly labels: Readonly<Record<string, string>>
  readonly exitCode: string | undefined
}

/** The engine did not do it. The message holds the engine's own words. */
class EngineError extends Error {
  override readonly name = 'EngineError'
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined

  constructor(message: string, status: number | undefined, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
  }
}

const id = '[A-Za-z0-9][A-Za-z0-9_.-]{0,127}'
const anything = "[A-Za-z0-9%_.~!*'()-]+"

/**
 * All that is ever asked of the engine; every call passes here. The socket is as good as root on its host, so neither
 * images nor networks nor what runs in containers can be reached, nor any container made but from the template.
 */
const allowed: readonly { readonly method: string; readonly path: RegExp }[] = [
  { method: 'POST', path: new RegExp(`^/containers/create\\?name=${id}$`) },
  { method: 'PUT', path: new RegExp(`^/containers/${id}/archive\\?path=%2F$`) },
  { method: 'POST', path: new RegExp(`^/containers/${id}/(?:start|pause|unpause)$`) },
  { method: 'POST', path: new RegExp(`^/containers/${id}/stop\\?t=\\d{1,3}$`) },
  { method: 'DELETE', path: new RegExp(`^/containers/${id}\\?force=1&v=1$`) },
  { method: 'GET', path: new RegExp(`^/containers/json\\?all=1&filters=${anything}$`) },
  { method: 'GET', path: new RegExp(`^/containers/${id}/logs\\?stderr=1&tail=1$`) },
  { method: 'GET', path: new RegExp(`^/events\\?filters=${anything}$`) },
]

const maxAnswerBytes = 4 * 1024 * 1024
const maxEventBytes = 64 * 1024
const connections = 8
const connectTimeoutMs = 5000

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: string | Buffer
  readonly contentType?: string
  /** Besides 2xx. */
  readonly alsoFine?: readonly number[]
  readonly signal: AbortSignal
}

/** The part of the Docker Engine API (docs.docker.com/reference/api/engine) that scaling needs, over its socket. */
export class DockerEngine {
  readonly #socket: string
  readonly #pool: Pool

  constructor(socket: string) {
    this.#socket = socket
    this.#pool = new Pool('http://localhost', {
      socketPath: socket,
      connections,
      pipelining: 1,
      connectTimeout: connectTimeoutMs,
      // The caller's signal bounds each call; a stop takes as long as it may.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  /** @returns its id. */
  async create(name: string, body: object, signal: AbortSignal): Promise<string> {
    const path = `/containers/create?name=${name}`
    const answer = await this.#call({
      method: 'POST',
      path,
      body: JSON.stringify(body),
      contentType: 'application/json',
      signal,
    })
    const created = (answer as { Id?: unknown } | undefined)?.Id
    if (typeof created !== 'string')
      throw new EngineError('the engine made a container and did not say which', undefined)
    return created
  }

  /** Unpacks an archive at the root of a container. */
  async upload(container: string, archive: Buffer, signal: AbortSignal): Promise<void> {
    const path = `/containers/${container}/archive?path=%2F`
    await this.#call({
      method: 'PUT',
      path,
      body: archive,
      contentType: 'application/x-tar',
      signal,
    })
  }

  async start(container: string, signal: AbortSignal): Promise<void> {
    // 304: it runs already.
    await this.#act(container, 'start', { alsoFine: [304], signal })
  }

  /** Asks it to end, and makes it after so many seconds. */
  async stop(container: string, seconds: number, signal: AbortSignal): Promise<void> {
    // 304: it has ended. 404: it is gone.
    await this.#act(container, `stop?t=${seconds}`, { alsoFine: [304, 404], signal })
  }

  /** Takes its processor away, by the freezer of its control group. */
  async pause(container: string, signal: AbortSignal): Promise<void> {
    await this.#act(container, 'pause', { signal })
  }

  async unpause(container: string, signal: AbortSignal): Promise<void> {
    await this.#act(container, 'unpause', { signal })
  }

  async remove(container: string, signal: AbortSignal): Promise<void> {
    const path = `/containers/${container}?force=1&v=1`
    // 404: it is gone. 409: somebody removes it already.
    await this.#call({ method: 'DELETE', path, alsoFine: [404, 409], signal })
  }

  /** All with a label `key=value`, also those that do not run. */
  async list(label: string, signal: AbortSignal): Promise<EngineContainer[]> {
    const path = `/containers/json?all=1&filters=${filterOf({ label: [label] })}`
    const answer = await this.#call({ method: 'GET', path, signal })
    if (!Array.isArray(answer))
      throw new EngineError('the list of containers is no list', undefined)
    return answer.flatMap(containerOf)
  }

  /** The last line that a container has written to its standard error. */
  async lastLine(container: string, signal: AbortSignal): Promise<string> {
    const path = `/containers/${container}/logs?stderr=1&tail=1`
    const text = await this.#text({ method: 'GET', path, signal })
    // Before each piece stand eight bytes: which stream it is of, and its length.
    return text.slice(8).trim()
  }

  /**
   * Tells of containers with a label, by its key, that die, until the stream ends or `signal` aborts; rejects with the
   * reason.
   */
  async deaths(
    label: string,
    onDeath: (event: EngineEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const filters = { type: ['container'], event: ['die'], label: [label] }
    const path = `/events?filters=${filterOf(filters)}`
    // It takes its connection for itself.
    const client = new Client('http://localhost', {
      socketPath: this.#socket,
      connectTimeout: connectTimeoutMs,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    try {
      const { statusCode, body } = await this.#request(client, { method: 'GET', path, signal })
      if (statusCode !== 200) throw new EngineError(`events: ${statusCode}`, statusCode)
      const decoder = new LineDecoder(maxEventBytes)
      for await (const chunk of body)
        for (const value of decoder.push(chunk as Buffer)) onDeath(eventOf(value))
    } finally {
      await client.destroy()
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  #act(
    container: string,
    action: string,
    options: Pick<Call, 'alsoFine' | 'signal'>,
  ): Promise<unknown> {
    return this.#call({ method: 'POST', path: `/containers/${container}/${action}`, ...options })
  }

  async #call(call: Call): Promise<unknown> {
    return parsed(await this.#text(call))
  }

  async #text(call: Call): Promise<string> {
    const { statusCode, body } = await this.#request(this.#pool, call)
    const text = await readBounded(body, maxAnswerBytes).catch((error: unknown) => {
      throw new EngineError(`the engine at ${this.#socket} broke off its answer`, undefined, error)
    })
    const fine = statusCode < 300 || call.alsoFine?.includes(statusCode) === true
    if (!fine) throw new EngineError(messageOf(text, statusCode), statusCode)
    return text
  }

  async #request(
    dispatcher: Dispatcher,
    { method, path, body, contentType, signal }: Call,
  ): Promise<Dispatcher.ResponseData> {
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
      throw new EngineError(whyUnreachable(this.#socket, error), undefined, error)
    }
  }
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

function filterOf(filters: object): string {
  return encodeURIComponent(JSON.stringify(filters))
}

function containerOf(value: unknown): EngineContainer[] {
  const { Id, State, Labels } = fieldsOf(value)
  if (typeof Id !== 'string' || typeof State !== 'string') return []
  return [{ id: Id, state: State, labels: fieldsOf(Labels) as Record<string, string> }]
}

function eventOf(value: unknown): EngineEvent {
  const { ID, Attributes } = fieldsOf(fieldsOf(value)['Actor'])
  const labels = fieldsOf(Attributes) as Record<string, string>
  return { container: String(ID), labels, exitCode: labels['exitCode'] }
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    // What it is good for is decided by who needs it.
    return undefined
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
