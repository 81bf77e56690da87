import { fieldsOf } from '../../base/fields.ts'
import { EngineError, EngineTransport, filterOf, type EngineCall } from './engine-transport.ts'

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

const id = '[A-Za-z0-9][A-Za-z0-9_.-]{0,127}'
const anything = "[A-Za-z0-9%_.~!*'()-]+"

/**
 * All that scaling ever asks of the engine: neither images nor networks nor what runs in containers can be reached, nor
 * any container made but from the template.
 */
const allowed = [
  { method: 'POST', path: new RegExp(`^/containers/create\\?name=${id}$`) },
  { method: 'PUT', path: new RegExp(`^/containers/${id}/archive\\?path=%2F$`) },
  { method: 'POST', path: new RegExp(`^/containers/${id}/(?:start|pause|unpause)$`) },
  { method: 'POST', path: new RegExp(`^/containers/${id}/stop\\?t=\\d{1,3}$`) },
  { method: 'DELETE', path: new RegExp(`^/containers/${id}\\?force=1&v=1$`) },
  { method: 'GET', path: new RegExp(`^/containers/json\\?all=1&filters=${anything}$`) },
  { method: 'GET', path: new RegExp(`^/containers/${id}/logs\\?stderr=1&tail=1$`) },
  { method: 'GET', path: new RegExp(`^/events\\?filters=${anything}$`) },
] as const

const maxAnswerBytes = 4 * 1024 * 1024

/** The part of the Docker Engine API that scaling needs. */
export class DockerEngine {
  readonly #transport: EngineTransport

  constructor(socket: string) {
    this.#transport = new EngineTransport({ socket, allowed, maxAnswerBytes })
  }

  /** @returns its id. */
  async create(name: string, body: object, signal: AbortSignal): Promise<string> {
    const path = `/containers/create?name=${name}`
    const answer = await this.#transport.call({
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
    await this.#transport.call({
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
    await this.#transport.call({ method: 'DELETE', path, alsoFine: [404, 409], signal })
  }

  /** All with a label `key=value`, also those that do not run. */
  async list(label: string, signal: AbortSignal): Promise<EngineContainer[]> {
    const path = `/containers/json?all=1&filters=${filterOf({ label: [label] })}`
    const answer = await this.#transport.call({ method: 'GET', path, signal })
    if (!Array.isArray(answer))
      throw new EngineError('the list of containers is no list', undefined)
    return answer.flatMap(containerOf)
  }

  /** The last line that a container has written to its standard error. */
  async lastLine(container: string, signal: AbortSignal): Promise<string> {
    const path = `/containers/${container}/logs?stderr=1&tail=1`
    const { text } = await this.#transport.ask({ method: 'GET', path, signal })
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
    await this.#transport.follow(path, { onValue: value => onDeath(eventOf(value)) }, signal)
  }

  async close(): Promise<void> {
    await this.#transport.close()
  }

  async #act(
    container: string,
    action: string,
    options: Pick<EngineCall, 'alsoFine' | 'signal'>,
  ): Promise<void> {
    const path = `/containers/${container}/${action}`
    await this.#transport.call({ method: 'POST', path, ...options })
  }
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
