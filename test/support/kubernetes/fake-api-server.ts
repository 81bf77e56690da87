import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  collectionKey,
  matcher,
  mergePatch,
  objectKey,
  parsePath,
  type FakeObject,
  type FakePath,
} from './fake-objects.ts'
import { FakeStore } from './fake-store.ts'

/** What a request meets instead of an answer. */
export type ApiFault =
  /** A Status; `asEvent`: 200, and an ERROR event in the watch. */
  | {
      readonly status: number
      readonly reason?: string
      readonly message?: string
      readonly retryAfter?: string
      readonly details?: object
      readonly asEvent?: boolean
    }
  /** This text and no more; `cut`: the connection breaks after it, else it ends as it should. */
  | { readonly text: string; readonly cut?: boolean }
  /** No answer at all; or its head, and then nothing. */
  | 'hang'
  | 'silence'
  /** The connection breaks before an answer. */
  | 'die'
  /** A body, or a line of a watch, that has no end. */
  | 'endless'

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly contentType: string
  readonly body: string
}

interface ExpectedFault {
  readonly matches: RegExp
  readonly fault: ApiFault
}

interface Watch {
  readonly response: ServerResponse
  readonly collection: string
  readonly stop: () => void
}

/** Answers in place of the store, as a TokenReview is answered. */
export type ApiHandler = (body: unknown, request: ApiRequest) => object

/**
 * An API server without schemas, admission and authorization: any kind can be stored, listed in pages, watched,
 * created, updated (with conflicts), patched (merge patch) and deleted, with the faults that a real one has.
 */
export class FakeApiServer {
  readonly store = new FakeStore()
  readonly requests: ApiRequest[] = []
  /** The only one that is known. */
  token = 'a-token'
  /** Kinds that are not installed, as `trafficpolicies.weft.dev`. */
  readonly absent = new Set<string>()
  /** By `POST /apis/authentication.k8s.io/v1/tokenreviews`. */
  readonly handlers = new Map<string, ApiHandler>()
  /** How a version that is too old is refused to a watch. */
  expiredAs: 'status' | 'event' = 'event'
  readonly #watches = new Set<Watch>()
  #faults: ExpectedFault[] = []
  #server: Server | undefined
  #port = 0

  static async start(t: Pick<Test, 'teardown'>): Promise<FakeApiServer> {
    const fake = new FakeApiServer()
    await fake.up()
    t.teardown(() => fake.down())
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get watching(): number {
    return this.#watches.size
  }

  /** Begins to listen, at the port of the last time. */
  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response))
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Killed: all connections break. What is stored stays. */
  async down(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    for (const watch of this.#watches) watch.stop()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  /** The next requests of which `METHOD /path?query` matches meet these, one each. */
  fail(matches: RegExp, ...faults: readonly ApiFault[]): void {
    this.#faults.push(...faults.map(fault => ({ matches, fault })))
  }

  /** Faults that nobody has met are taken back. */
  heal(): void {
    this.#faults = []
  }

  /** Creates or replaces; `path` is that of the collection, without a namespace (the object says it). */
  put(path: string, object: FakeObject): FakeObject {
    const { apiVersion } = parsed(path)
    const whole = { apiVersion, kind: kindOf(parsed(path).resource), ...object }
    return this.store.put(collectionKey(parsed(path)), whole)
  }

  /** `key` is `namespace/name`, or the name. */
  remove(path: string, key: string): void {
    this.store.delete(collectionKey(parsed(path)), key.includes('/') ? key : `/${key}`)
  }

  find(path: string, key: string): FakeObject | undefined {
    return this.store.get(collectionKey(parsed(path)), key.includes('/') ? key : `/${key}`)
  }

  all(path: string): readonly FakeObject[] {
    return this.store.all(collectionKey(parsed(path)))
  }

  /** Tells all watches the version that they know all changes of. */
  bookmark(): void {
    const metadata = { resourceVersion: String(this.store.version), creationTimestamp: null }
    this.tell(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`)
  }

  /** Writes into all watches, whatever it is. */
  tell(text: string): void {
    for (const { response } of this.#watches) response.write(text)
  }

  /** Ends all watches: as the server does it in time, or by a broken connection, with half a line before it or not. */
  endWatches(how: 'end' | 'cut' | 'half-line'): void {
    for (const { response, stop } of this.#watches) {
      stop()
      const half = '{"type":"MODIFIED","object":{"metadata":{"na'
      if (how === 'end') response.end()
      else if (how === 'cut') response.destroy()
      else response.write(half, () => response.destroy())
    }
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    // Whoever asks may break off.
    response.on('error', () => {})
    try {
      for await (const chunk of message) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const { method = '', headers } = message
    const { pathname, searchParams: query } = new URL(message.url ?? '', 'http://api')
    const body = Buffer.concat(chunks).toString()
    const contentType = headers['content-type'] ?? ''
    const request: ApiRequest = { method, path: pathname, query, contentType, body }
    this.requests.push(request)
    if (headers.authorization !== `Bearer ${this.token}`)
      return refuse(response, { status: 401, reason: 'Unauthorized' })
    const fault = this.#faultFor(`${method} ${message.url}`)
    if (fault !== undefined) return meet(response, fault)
    try {
      this.#answer(request, response)
    } catch (error) {
      const message = String(error)
      refuse(response, error instanceof Refusal ? error.status : { status: 400, message })
    }
  }

  #faultFor(line: string): ApiFault | undefined {
    const index = this.#faults.findIndex(({ matches }) => matches.test(line))
    return index < 0 ? undefined : this.#faults.splice(index, 1)[0]?.fault
  }

  #answer(request: ApiRequest, response: ServerResponse): void {
    const handler = this.handlers.get(`${request.method} ${request.path}`)
    if (handler !== undefined) return send(response, 201, handler(bodyOf(request), request))
    const path = parsePath(request.path)
    if (path === undefined || this.absent.has(collectionKey(path)))
      throw new Refusal(404, 'NotFound', 'the server could not find the requested resource')
    if (request.method !== 'GET') return send(response, ...this.#change(path, request))
    if (path.name !== undefined) return send(response, 200, this.#existing(path))
    if (request.query.get('watch') === 'true') return this.#watch(path, request, response)
    send(response, 200, this.#list(path, request.query))
  }

  #existing(path: FakePath): FakeObject {
    const { namespace = '', name, resource } = path
    const object = this.store.get(collectionKey(path), `${namespace}/${name}`)
    if (object !== undefined) return object
    throw new Refusal(404, 'NotFound', `${resource} "${name}" not found`)
  }

  #list(path: FakePath, query: URLSearchParams): object {
    const limit = Number(query.get('limit') ?? 0) || Number.POSITIVE_INFINITY
    const next = query.get('continue') ?? undefined
    const page = this.store.page(collectionKey(path), matcher(path, query), limit, next)
    if (page === undefined)
      throw new Refusal(410, 'Expired', 'The provided continue parameter is too old')
    const items = page.items.map(({ apiVersion, kind, ...item }) =>
      path.group.endsWith('weft.dev') ? { apiVersion, kind, ...item } : item,
    )
    const continued = page.next !== undefined && {
      continue: page.next,
      remainingItemCount: page.remaining,
    }
    return {
      kind: `${kindOf(path.resource)}List`,
      apiVersion: path.apiVersion,
      metadata: { resourceVersion: String(page.version), ...continued },
      // Go writes nothing so.
      items: items.length === 0 ? null : items,
    }
  }

  #watch(path: FakePath, { query }: ApiRequest, response: ServerResponse): void {
    const version = Number(query.get('resourceVersion'))
    const expired = { status: 410, reason: 'Expired', message: 'too old resource version' }
    if (version < this.store.compactedAt)
      return meet(response, { ...expired, asEvent: this.expiredAs === 'event' })
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const collection = collectionKey(path)
    const onEvent = (event: object): void => void response.write(`${JSON.stringify(event)}\n`)
    const unwatch = this.store.watch(collection, matcher(path, query), version, onEvent)
    const stop = (): void => {
      unwatch()
      this.#watches.delete(watch)
    }
    const watch: Watch = { response, collection, stop }
    this.#watches.add(watch)
    response.on('close', stop)
  }

  #change(path: FakePath, request: ApiRequest): [status: number, answer: object] {
    const collection = collectionKey(path)
    if (request.method === 'POST') return [201, this.#create(path, bodyOf(request) as FakeObject)]
    const existing = this.#existing(path)
    if (request.method === 'DELETE') {
      this.store.delete(collection, objectKey(existing))
      return [200, { kind: 'Status', apiVersion: 'v1', status: 'Success' }]
    }
    const given = bodyOf(request)
    if (request.method === 'PATCH' && request.contentType !== 'application/merge-patch+json')
      throw new Refusal(415, 'UnsupportedMediaType', `not supported: ${request.contentType}`)
    const wanted = (request.method === 'PATCH' ? mergePatch(existing, given) : given) as FakeObject
    const { resourceVersion = existing.metadata.resourceVersion } = wanted.metadata
    if (resourceVersion !== existing.metadata.resourceVersion)
      throw new Refusal(409, 'Conflict', 'the object has been modified; please apply your changes')
    const { uid, creationTimestamp, generation } = existing.metadata
    const metadata = { ...wanted.metadata, uid, creationTimestamp, generation }
    const changed =
      path.subresource === 'status'
        ? { ...existing, status: wanted.status }
        : { ...wanted, metadata, status: existing.status ?? wanted.status }
    return [200, this.store.put(collection, changed as FakeObject)]
  }

  #create(path: FakePath, object: FakeObject): FakeObject {
    const { namespace } = path
    const metadata = { ...object.metadata, ...(namespace !== undefined && { namespace }) }
    const created = { ...object, metadata }
    const key = objectKey(created)
    if (this.store.get(collectionKey(path), key) !== undefined)
      throw new Refusal(409, 'AlreadyExists', `${path.resource} "${key}" already exists`)
    return this.store.put(collectionKey(path), created)
  }
}

class Refusal extends Error {
  readonly status: { readonly status: number; readonly reason: string; readonly message: string }

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = { status, reason, message }
  }
}

function parsed(path: string): FakePath {
  const parsedPath = parsePath(path)
  if (parsedPath === undefined) throw new Error(`no path of a collection: ${path}`)
  return parsedPath
}

function bodyOf({ body }: ApiRequest): unknown {
  return JSON.parse(body)
}

function send(response: ServerResponse, status: number, answer: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer))
}

type StatusFault = Extract<ApiFault, { status: number }>

function refuse(response: ServerResponse, fault: StatusFault): void {
  const { status: code, reason, message = `the server's ${code}`, retryAfter, details } = fault
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code }
  const whole = { ...status, ...(details !== undefined && { details }) }
  if (fault.asEvent === true) {
    response.writeHead(200, { 'content-type': 'application/json' })
    return void response.end(`${JSON.stringify({ type: 'ERROR', object: whole })}\n`)
  }
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter)
  send(response, code, whole)
}

function meet(response: ServerResponse, fault: ApiFault): void {
  if (fault === 'hang') return
  if (fault === 'die') return void response.destroy()
  if (fault === 'silence') return response.flushHeaders()
  if (fault === 'endless') {
    const more = (): void =>
      void response.write(Buffer.alloc(65_536, 'x'), error => error ?? more())
    return more()
  }
  if ('status' in fault) return refuse(response, fault)
  if (fault.cut === true) return void response.write(fault.text, () => response.destroy())
  response.end(fault.text)
}

const kinds: Readonly<Record<string, string>> = {
  services: 'Service',
  endpointslices: 'EndpointSlice',
  pods: 'Pod',
  namespaces: 'Namespace',
  configmaps: 'ConfigMap',
  secrets: 'Secret',
  leases: 'Lease',
  httproutes: 'HTTPRoute',
  grpcroutes: 'GRPCRoute',
  meshes: 'Mesh',
  trafficpolicies: 'TrafficPolicy',
  serviceentries: 'ServiceEntry',
  authorizationpolicies: 'AuthorizationPolicy',
  functions: 'Function',
  workloads: 'Workload',
  deployments: 'Deployment',
  mutatingwebhookconfigurations: 'MutatingWebhookConfiguration',
}

function kindOf(resource: string): string {
  return kinds[resource] ?? 'Unknown'
}
