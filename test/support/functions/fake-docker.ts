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
}

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
    const Attributes = { ...container.body.Labels, exitCode }
    const event = { Type: 'container', Action: 'die', Actor: { ID: container.id, Attributes } }
    for (const listener of this.#events) listener.write(`${JSON.stringify(event)}\n`)
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
    if (pathname === '/events') return this.#listen(response)
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
      .map(({ id, name, state, body }) => ({
        Id: id,
        Names: [`/${name}`],
        State: state,
        Labels: body.Labels,
      }))
  }

  #listen(response: ServerResponse): void {
    this.#events.add(response)
    response.on('close', () => this.#events.delete(response))
    response.writeHead(200)
    response.flushHeaders()
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
