import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher } from 'undici'
import type { KubernetesObject } from './objects.ts'

/** An answer of the API server that is no success, as its Status says it. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string, message: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

export interface ApiOptions {
  readonly server: string
  readonly token: string
  /** PEM. */
  readonly certificateAuthority: string
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: T
}

type Method = Dispatcher.HttpMethod

/** A small client of the API server, of the suite's own making so that Weft's is judged by something else. */
export class Api implements AsyncDisposable {
  readonly #options: ApiOptions
  readonly #agent: Agent

  constructor(options: ApiOptions) {
    this.#options = options
    const connect = { ca: options.certificateAuthority }
    this.#agent = new Agent({ connect, bodyTimeout: 0, connections: 64 })
  }

  /** Another one's eyes on the same server. */
  as(token: string): Api {
    return new Api({ ...this.#options, token })
  }

  get options(): ApiOptions {
    return this.#options
  }

  get<T = KubernetesObject>(path: string): Promise<T> {
    return this.#request('GET', path) as Promise<T>
  }

  create<T = KubernetesObject>(path: string, object: object): Promise<T> {
    return this.#request('POST', path, object) as Promise<T>
  }

  replace<T = KubernetesObject>(path: string, object: object): Promise<T> {
    return this.#request('PUT', path, object) as Promise<T>
  }

  /** A merge patch. */
  patch<T = KubernetesObject>(path: string, change: object): Promise<T> {
    return this.#request('PATCH', path, change, 'application/merge-patch+json') as Promise<T>
  }

  /** Server-side, as `kubectl apply --server-side` does. */
  apply<T = KubernetesObject>(path: string, object: object): Promise<T> {
    const query = 'fieldManager=suite&force=true'
    const target = `${path}${path.includes('?') ? '&' : '?'}${query}`
    return this.#request('PATCH', target, object, 'application/apply-patch+yaml') as Promise<T>
  }

  delete(path: string, options: object = {}): Promise<unknown> {
    return this.#request('DELETE', path, { propagationPolicy: 'Background', ...options })
  }

  /** Undefined when there is none. */
  async find<T = KubernetesObject>(path: string): Promise<T | undefined> {
    return this.get<T>(path).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    })
  }

  async items<T = KubernetesObject>(path: string): Promise<readonly T[]> {
    return (await this.get<{ items: readonly T[] }>(path)).items
  }

  /** Lines of one watch, until the server ends it. */
  async *watch<T>(
    path: string,
    version: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${version}`
    const target = `${path}${path.includes('?') ? '&' : '?'}${query}`
    const { body } = await this.#send('GET', target, undefined, { signal })
    body.setEncoding('utf8')
    let rest = ''
    for await (const chunk of body) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield JSON.parse(line) as WatchEvent<T>
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #request(method: Method, path: string, body?: object, type?: string): Promise<unknown> {
    const signal = AbortSignal.timeout(60_000)
    const answer = await this.#send(method, path, body, { signal, ...(type && { type }) })
    return answer.body.json()
  }

  async #send(
    method: Method,
    path: string,
    body: object | undefined,
    { signal, type = 'application/json' }: { signal: AbortSignal; type?: string },
  ): Promise<Dispatcher.ResponseData> {
    const answer = await this.#agent.request({
      origin: this.#options.server,
      method,
      path,
      signal,
      headers: { authorization: `Bearer ${this.#options.token}`, 'content-type': type },
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (answer.statusCode < 300) return answer
    const text = await answer.body.text()
    const { reason, message } = parseStatus(text)
    const what = `${method} ${path}: ${answer.statusCode} ${message}`
    throw new ApiError(answer.statusCode, reason, what)
  }
}

function parseStatus(text: string): { reason: string; message: string } {
  try {
    const { reason = '', message = text } = JSON.parse(text) as Record<string, string>
    return { reason, message }
  } catch {
    return { reason: '', message: text.trim() }
  }
}

/** All objects of one path, kept up to date; survives the server's death. */
export class Informer<T extends KubernetesObject> {
  /** By "namespace/name", or by name. */
  readonly objects = new Map<string, T>()
  readonly #api: Api
  readonly #path: string
  readonly #onChange: (key: string, object: T | undefined) => void
  readonly #stop = new AbortController()
  readonly #done: Promise<void>

  constructor(api: Api, path: string, onChange: (key: string, object: T | undefined) => void) {
    this.#api = api
    this.#path = path
    this.#onChange = onChange
    this.#done = this.#run()
  }

  get all(): readonly T[] {
    return [...this.objects.values()]
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#done
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#follow(await this.#list())
      } catch {
        // The server is away, or the version is too old for it: list again.
      }
      await sleep(200, undefined, { signal }).catch(() => {})
    }
  }

  async #list(): Promise<string> {
    type List = { items: readonly T[]; metadata: { resourceVersion: string } }
    const { items, metadata } = await this.#api.get<List>(this.#path)
    const fresh = new Map(items.map(object => [keyOf(object), object]))
    for (const key of this.objects.keys()) if (!fresh.has(key)) this.#set(key, undefined)
    for (const [key, object] of fresh) this.#set(key, object)
    return metadata.resourceVersion
  }

  async #follow(version: string): Promise<void> {
    const { signal } = this.#stop
    for (let at = version; !signal.aborted;)
      for await (const { type, object } of this.#api.watch<T>(this.#path, at, signal)) {
        if (type === 'ERROR') return
        at = object.metadata.resourceVersion ?? at
        if (type !== 'BOOKMARK') this.#set(keyOf(object), type === 'DELETED' ? undefined : object)
      }
  }

  #set(key: string, object: T | undefined): void {
    const old = this.objects.get(key)
    if (old?.metadata.resourceVersion === object?.metadata.resourceVersion) return
    if (object === undefined) this.objects.delete(key)
    else this.objects.set(key, object)
    this.#onChange(key, object)
  }
}

export function keyOf({ metadata: { namespace, name } }: KubernetesObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}
