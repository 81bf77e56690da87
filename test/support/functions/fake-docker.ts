import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface FakeContainer {
  readonly id: string
  readonly name: string
  readonly body: {
    readonly Image?: string
    readonly Cmd?: readonly string[]
    readonly Env: readonly string[]
    readonly Labels: Readonly<Record<string, string>>
    readonly HostConfig: Readonly<Record<string, unknown>>
  }
  state: string
  archive: Buffer
  /** Seconds since 1970. */
  created?: number
  /** The engine's words for its state. */
  status?: string
  /** By name; of the list's fields only those that are looked at. */
  networks?: Record<string, FakeNetwork>
}

export interface FakeNetwork {
  readonly NetworkID: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly GlobalIPv6Address?: string
  readonly GlobalIPv6PrefixLen?: number
}

/** 172.18.0.0/16, in which {@link FakeDocker.add} puts containers. */
export const fakeNetwork = (address: string): Record<string, FakeNetwork> => ({
  mesh: { NetworkID: 'n1', IPAddress: address, IPPrefixLen: 16 },
})

/** What a request meets instead of an answer: a status with a message, silence, no JSON, or the end of its socket. */
export type Fault = number | 'hang' | 'garbage' | 'die' | 'die within the body'

/** A Docker Engine that has no containers, but an idea of them. */
export class FakeDocker {
  readonly socket: string
  readonly containers = new Map<string, FakeContainer>()
  /** `METHOD /path` of all requests, without ids. */
  readonly requests: string[] = []
  /** By the same. */
  readonly faults = new Map<string, Fault>()
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #events = new Set<ServerResponse>()
  /** What `since` repeats. */
  readonly #past: { readonly time: number; readonly line: string }[] = []
  #ids = 0

  static async start(t: Test): Promise<FakeDocker> {
    const folder = mkdtempSync(join(tmpdir(), 'weft-fake-'))
    const docker = new FakeDocker(join(folder, 'docker.sock'))
    t.teardown(async () => {
      await docker.stop()
      rmSync(folder, { recursive: true })
    })
    docker.#server.listen(docker.socket)
    await once(docker.#server, 'listening')
    return docker
  }

  private constructor(socket: string) {
    this.socket = socket
  }

  /** Names and states. */
  get list(): string[] {
    return [...this.containers.values()].map(({ name, state }) => `${name} ${state}`).toSorted()
  }

  get listeners(): number {
    return this.#events.size
  }

  /** Ends one as if by itself. */
  die(name: string, exitCode = '1'): void {
    const container = [...this.containers.values()].find(other => other.name === name)
    if (container === undefined) throw new Error(`there is no ${name}`)
    container.state = 'exited'
    this.emit('die', container, { exitCode })
  }

  /** One that runs, as if somebody had made it. */
  add(
    name: string,
    labels: Record<string, string>,
    more: Partial<Omit<FakeContainer, 'name' | 'body'>> = {},
  ): FakeContainer {
    const id = more.id ?? `${this.#ids++}`.padStart(12, '0').padEnd(64, 'f')
    const body = { Env: [], Labels: labels, HostConfig: {} }
    const fresh = { id, name, body, state: 'running', archive: Buffer.alloc(0), ...more }
    this.containers.set(id, fresh)
    return fresh
  }

  /** Tells that something happened to a container, and does nothing to it. @param time seconds since 1970. */
  emit(
    Action: string,
    { id, name, body }: FakeContainer,
    attributes: Record<string, string> = {},
    time = Math.floor(Date.now() / 1000),
  ): void {
    const Attributes = { ...attributes, ...body.Labels, name }
    this.#tell({ Type: 'container', Action, Actor: { ID: id, Attributes }, time })
  }

  /** The same, of a container and a network. */
  emitNetwork(Action: string, { id }: FakeContainer, name: string): void {
    const Attributes = { container: id, name, type: 'bridge' }
    const time = Math.floor(Date.now() / 1000)
    this.#tell({ Type: 'network', Action, Actor: { ID: 'n1', Attributes }, time })
  }

  /** As it is, without a line's end. */
  emitText(text: string): void {
    for (const listener of this.#events) listener.write(text)
  }

  #tell(event: { readonly time: number } & Record<string, unknown>): void {
    const line = `${JSON.stringify(event)}\n`
    this.#past.push({ time: event.time, line })
    this.emitText(line)
  }

  /** Breaks all streams of events. */
  forget(): void {
    for (const listener of this.#events) listener.destroy()
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server.close(), 'close')
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://docker')
    const [, , id = '', action = ''] = pathname.split('/')
    const isOne = id !== 'create' && id !== 'json' && pathname.startsWith('/containers/')
    const asked = `${request.method} ${isOne ? `/containers/id${action && `/${action}`}` : pathname}`
    this.requests.push(asked)
    const fault = this.faults.get(asked)
    if (fault !== undefined) return meet(response, fault)
    const body = Buffer.concat(chunks)
    if (pathname === '/events') return this.#listen(searchParams, response)
    if (pathname === '/containers/json') return send(response, 200, this.#find(searchParams))
    if (id === 'create') return this.#create(searchParams.get('name') ?? '', body, response)
    const container = this.containers.get(id)
    if (container === undefined) return send(response, 404, { message: `No such container: ${id}` })
    this.#act(container, `${request.method} ${action}`, { body, response })
  }

  #create(name: string, body: Buffer, response: ServerResponse): void {
    if ([...this.containers.values()].some(other => other.name === name))
      return send(response, 409, { message: `The container name "/${name}" is already in use` })
    const id = `c${this.#ids++}`
    const parsed = JSON.parse(body.toString()) as FakeContainer['body']
    this.containers.set(id, { id, name, body: parsed, state: 'created', archive: Buffer.alloc(0) })
    send(response, 201, { Id: id, Warnings: [] })
  }

  #act(
    container: FakeContainer,
    action: string,
    { body, response }: { readonly body: Buffer; readonly response: ServerResponse },
  ): void {
    const become = (state: string): void => {
      container.state = state
      send(response, 204)
    }
    switch (action) {
      case 'PUT archive':
        container.archive = body
        return send(response, 200)
      case 'POST start':
        return become('running')
      case 'POST stop':
        return become('exited')
      case 'POST pause':
        return become('paused')
      case 'POST unpause':
        return become('running')
      case 'DELETE ':
        this.containers.delete(container.id)
        return send(response, 204)
      case 'GET logs':
        response.end(Buffer.from('\u0002\0\0\0\0\0\0\u0009its words'))
        return
      default:
        return send(response, 404, { message: 'page not found' })
    }
  }

  #find(query: URLSearchParams): object[] {
    const { label = [] } = JSON.parse(query.get('filters') ?? '{}') as { label?: string[] }
    return [...this.containers.values()]
      .filter(({ body }) =>
        label.every(wanted => {
          const [key = '', value] = wanted.split('=')
          return body.Labels[key] === value
        }),
      )
      .map(({ id, name, state, body, created = 0, status = '', networks = {} }) => ({
        Id: id,
        Names: [`/${name}`],
        State: state,
        Status: status,
        Created: created,
        Labels: body.Labels,
        NetworkSettings: { Networks: networks },
      }))
  }

  #listen(query: URLSearchParams, response: ServerResponse): void {
    this.#events.add(response)
    response.on('close', () => this.#events.delete(response))
    response.writeHead(200)
    response.flushHeaders()
    const since = query.get('since')
    if (since !== null)
      for (const { time, line } of this.#past) if (time >= Number(since)) response.write(line)
  }
}

function send(response: ServerResponse, status: number, body?: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}

function meet(response: ServerResponse, fault: Fault): void {
  if (typeof fault === 'number') return send(response, fault, { message: `the engine's ${fault}` })
  if (fault === 'garbage') return void response.end('<html>')
  if (fault === 'die') return void response.destroy()
  if (fault === 'hang') return
  response.writeHead(200, { 'content-length': 1000 })
  response.write('{"Id":', () => response.destroy())
}
