import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { Client } from 'undici'
import { CommandError } from '../../command-error.ts'

export interface ClusterOptions {
  /** Name or path of the program. Default: `kubectl`. */
  readonly kubectl?: string | undefined
  /** Of its configuration. Default: the current one. */
  readonly context?: string | undefined
}

export interface ClusterAnswer {
  readonly status: number
  /** Of the JSON that came; undefined: none. */
  readonly body: unknown
  /** The server's clock, ms since 1970; undefined when it does not say. */
  readonly serverTime: number | undefined
}

/** An object of a list, as far as it is looked at here. */
export interface ClusterObject {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

/** A failure that the API server reports, or that it cannot be asked. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  /** Undefined: there was no answer. */
  readonly status: number | undefined

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
  }
}

const startMs = 20_000
const answerMs = 30_000
const pageSize = 500
/** 50,000 objects; a command that needs more would rather not run on a laptop. */
const maxPages = 100
/** Of what kubectl says when it fails. */
const maxErrorText = 4096

type Proxy = ChildProcessByStdio<null, Readable, Readable>

/**
 * The API server as `kubectl` reaches it, whatever way of logging in its configuration names. Through `kubectl proxy` on
 * a Unix socket in a folder that nobody else can enter, so that no other user of this machine gets in by it.
 */
export class Cluster implements AsyncDisposable {
  readonly #folder: string
  readonly #proxy: Proxy
  readonly #client: Client

  private constructor(folder: string, proxy: Proxy, client: Client) {
    this.#folder = folder
    this.#proxy = proxy
    this.#client = client
  }

  /** @throws CommandError when kubectl is not there, or cannot begin. */
  static async open({ kubectl = 'kubectl', context }: ClusterOptions): Promise<Cluster> {
    // 0700.
    const folder = await mkdtemp(join(tmpdir(), 'weft-kubectl-'))
    const socketPath = join(folder, 'socket')
    const args = ['proxy', `--unix-socket=${socketPath}`]
    if (context !== undefined) args.push(`--context=${context}`)
    const proxy = spawn(kubectl, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    try {
      await started(proxy, kubectl)
      const client = new Client('http://localhost', { socketPath })
      return new Cluster(folder, proxy, client)
    } catch (error) {
      proxy.kill()
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** @throws ClusterError when there is no answer: what its status says is the caller's. */
  async ask(method: 'GET' | 'POST', path: string, body?: object): Promise<ClusterAnswer> {
    try {
      const answer = await this.#client.request({
        method,
        path,
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        signal: AbortSignal.timeout(answerMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      const text = await answer.body.text()
      const serverTime = Date.parse(String(answer.headers['date']))
      return {
        status: answer.statusCode,
        body: parsed(text),
        serverTime: Number.isNaN(serverTime) ? undefined : serverTime,
      }
    } catch (error) {
      throw new ClusterError(
        `the API server cannot be asked: ${messageOf(error)}`,
        undefined,
        error,
      )
    }
  }

  /** Undefined: there is no such object. @throws ClusterError */
  async get<T = ClusterObject>(path: string): Promise<T | undefined> {
    const answer = await this.ask('GET', path)
    if (answer.status === 404) return undefined
    return checked(answer, path) as T
  }

  /** All pages. A kind that the cluster does not have is an empty list. @throws ClusterError */
  async list<T = ClusterObject>(path: string): Promise<T[]> {
    const items: T[] = []
    let next = ''
    for (let page = 0; page < maxPages; page++) {
      const query = new URLSearchParams({
        limit: String(pageSize),
        ...(next && { continue: next }),
      })
      const whole = `${path}${path.includes('?') ? '&' : '?'}${query.toString()}`
      const answer = await this.get<ListAnswer<T>>(whole)
      items.push(...(answer?.items ?? []))
      next = answer?.metadata?.continue ?? ''
      if (next === '') return items
    }
    throw new ClusterError(`there are more than ${maxPages * pageSize} objects at ${path}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy()
    const ended = this.#proxy.exitCode === null ? once(this.#proxy, 'exit') : undefined
    this.#proxy.kill()
    await ended
    await rm(this.#folder, { recursive: true, force: true })
  }
}

interface ListAnswer<T> {
  readonly items?: readonly T[] | null
  readonly metadata?: { readonly continue?: string }
}

async function started(proxy: Proxy, kubectl: string): Promise<void> {
  let said = ''
  proxy.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-maxErrorText)
  })
  const signal = AbortSignal.timeout(startMs)
  const ended = once(proxy, 'close', { signal }).then(() => {
    throw new CommandError(`${kubectl} ended: ${said.trim() || 'it said nothing'}`, cannotCheck)
  })
  ended.catch(() => {})
  try {
    // "Starting to serve on …"
    await Promise.race([once(proxy.stdout, 'data', { signal }), ended])
  } catch (error) {
    throw error instanceof CommandError
      ? error
      : notStarted(error as NodeJS.ErrnoException, kubectl)
  }
  proxy.stdout.resume()
}

/** Exit code where the cluster could not be looked at. */
const cannotCheck = 2

function notStarted(error: NodeJS.ErrnoException, kubectl: string): CommandError {
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return new CommandError(
      `${kubectl} proxy did not start within ${startMs / 1000} s`,
      cannotCheck,
    )
  const hint =
    error.code === 'ENOENT'
      ? `there is no ${kubectl}: install it, or name it with --kubectl`
      : `cannot run ${kubectl}: ${error.message}`
  return new CommandError(hint, cannotCheck)
}

function checked({ status, body }: ClusterAnswer, path: string): unknown {
  if (status < 300) return body
  const { message } = (body ?? {}) as { readonly message?: unknown }
  const why = typeof message === 'string' ? message : `status ${status}`
  throw new ClusterError(`${why} (${path.replace(/\?.*$/, '')})`, status)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // `ok` of /readyz, or what a proxy says on its own.
    return undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
