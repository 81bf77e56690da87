import { backoff } from '../../../base/backoff.ts'
import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import { jitter, type Random } from '../../../base/random.ts'
import { readStatus, versionTooLarge } from './api-status.ts'
import {
  KubernetesError,
  malformedWatch,
  silentWatch,
  type KubernetesApi,
} from './kubernetes-api.ts'
import { isKubernetesObject, keyOf, type KubernetesObject } from './kubernetes-object.ts'
import { currentVersion, listPages, type ListRequest } from './list-pages.ts'
import { pause } from '../../../base/pause.ts'
import { isOlderVersion } from './resource-version.ts'
import { WatchedObjects } from './watched-objects.ts'

export interface ListWatchOptions<T> {
  readonly api: Pick<KubernetesApi, 'request' | 'watch'>
  /** Of the collection, as `/apis/discovery.k8s.io/v1/endpointslices`. */
  readonly path: string
  /** For people, as `EndpointSlices`. */
  readonly what: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What is kept of each object, which is what costs memory; undefined leaves it out. Must be pure. */
  select(object: KubernetesObject): T | undefined
  /** After each change of `objects`, one call for each event or whole list. */
  onChange(): void
  readonly logger: Logger
  readonly random: Random
  readonly now: Now
  /** The kind may not be installed: 404 counts as none of them, and is asked again each minute. */
  readonly optional?: boolean
  readonly timing?: Partial<ListWatchTiming>
}

export interface ListWatchTiming {
  /** First and longest wait after failures in a row. Defaults: 500 and 10 000. */
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** Until a kind that is not installed is asked for again. Default: 60 000. */
  readonly absentMs: number
  /** A watch that lasted so long was a good one. Default: 5000. */
  readonly steadyMs: number
}

const defaultTiming: ListWatchTiming = {
  backoffBaseMs: 500,
  backoffMaxMs: 10_000,
  absentMs: 60_000,
  steadyMs: 5000,
}

/** A server may ask for more than that; what it says then counts for as much. */
const longestRetryAfterMs = 60_000
/** Between which the server is to end a watch, spread so that all do not come again at once. */
const watchSeconds = { least: 300, spread: 300 }
const maxObjects = 500_000

export interface ListWatchStatus {
  readonly what: string
  /** Whether `objects` was whole at any time. */
  readonly synced: boolean
  readonly objects: number
  /** How often all were read. */
  readonly lists: number
  readonly watches: number
  readonly failures: number
  /** Until it is overcome. */
  readonly lastError: string | undefined
  /** By `now`; undefined: never. */
  readonly lastChangeAt: number | undefined
}

/**
 * A copy of a collection that follows it (Kubernetes API concepts, "Efficient detection of changes"): all are read,
 * then watched from that version on. Whatever goes wrong, objects stay as they were last known until it goes on.
 */
export class ListWatch<T> {
  /** Resolves with the first whole list; rejects when it is closed before. */
  readonly synced: Promise<void>
  readonly #options: ListWatchOptions<T>
  readonly #timing: ListWatchTiming
  readonly #request: ListRequest
  readonly #objects: WatchedObjects<T>
  readonly #sync = Promise.withResolvers<void>()
  readonly #closing = new AbortController()
  #running: Promise<void> = Promise.resolve()
  /** Up to which all changes are known; undefined: all have to be read. */
  #version: string | undefined
  /** Whether the server may have been set back to a time before `#version`, so that a watch would say nothing. */
  #doubtful = false
  /** Whether the watch that runs, or ran last, brought anything. */
  #progress = false
  #failuresInRow = 0
  /** Whether the last of them was a version that is too old. */
  #expired = false
  #isSynced = false
  #counts = { lists: 0, watches: 0, failures: 0 }
  #lastError: string | undefined
  #lastChangeAt: number | undefined

  static start<T>(options: ListWatchOptions<T>): ListWatch<T> {
    const listWatch = new ListWatch(options)
    listWatch.#running = listWatch.#run()
    return listWatch
  }

  private constructor(options: ListWatchOptions<T>) {
    const { api, path, what, labelSelector, fieldSelector } = options
    this.#options = options
    this.#timing = { ...defaultTiming, ...options.timing }
    const selectors = {
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    }
    this.#request = { api, path, what, selectors, signal: this.#closing.signal }
    this.#objects = new WatchedObjects({
      select: object => options.select(object),
      onRefused: (key, error) => this.#leaveOut(key, error),
    })
    this.synced = this.#sync.promise
    // Who does not wait for it need not hear of it.
    this.synced.catch(() => {})
  }

  /** By "namespace/name", or "name" for what belongs to the cluster. Always the same map. */
  get objects(): ReadonlyMap<string, T> {
    return this.#objects.kept
  }

  get status(): ListWatchStatus {
    return {
      what: this.#options.what,
      synced: this.#isSynced,
      objects: this.#objects.kept.size,
      ...this.#counts,
      lastError: this.#lastError,
      lastChangeAt: this.#lastChangeAt,
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#sync.reject(new Error(`closed before the first list of ${this.#options.what}`))
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      const waitMs = await this.#turn()
      if (waitMs > 0) await pause(waitMs, signal)
    }
  }

  /** Reads all if it has to, and watches until that ends. How long to wait before the next. */
  async #turn(): Promise<number> {
    try {
      if (this.#doubtful) await this.#checkVersion()
      if (this.#version === undefined) await this.#list()
      await this.#follow()
      return this.#backoffMs(1)
    } catch (error) {
      return this.#closing.signal.aborted ? 0 : this.#fail(error)
    }
  }

  /** The old objects stay until the new list is whole. */
  async #list(): Promise<void> {
    this.#counts.lists++
    const objects = new Map<string, T>()
    let version: string | undefined
    for await (const page of listPages(this.#request)) {
      version ??= page.version
      this.#counts.failures += page.malformed
      for (const item of page.items) {
        const selected = this.#objects.select(item)
        if (selected !== undefined) objects.set(keyOf(item), selected)
      }
      this.#checkSize(objects.size)
    }
    this.#version = version
    this.#completed(objects)
  }

  #completed(objects: ReadonlyMap<string, T>): void {
    this.#lastError = undefined
    const changed = this.#objects.replaceBy(objects)
    this.#isSynced = true
    this.#sync.resolve()
    if (changed) this.#changed()
  }

  async #follow(): Promise<void> {
    const { api, what, now, random } = this.#options
    const startedAt = now()
    this.#progress = false
    this.#counts.watches++
    // Unless it ends as it should.
    this.#doubtful = true
    const query = new URLSearchParams({
      ...this.#request.selectors,
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: this.#version ?? '',
      timeoutSeconds: String(Math.round(watchSeconds.least + watchSeconds.spread * random())),
    })
    const { path, signal } = this.#request
    const wasGood = (): boolean => this.#progress || now() - startedAt >= this.#timing.steadyMs
    try {
      for await (const event of api.watch(`${path}?${query.toString()}`, what, signal)) {
        this.#apply(event)
        this.#progress = true
        this.#lastError = undefined
      }
    } catch (error) {
      // Of a kind of which nothing happens, servers send no bookmarks either.
      if (wasGood() && isSilence(error)) return
      throw error
    } finally {
      if (wasGood()) this.#failuresInRow = 0
    }
    this.#doubtful = !this.#progress
    if (!wasGood()) throw new KubernetesError(`the watch of ${what} ended at once`)
  }

  /** @throws KubernetesError that tells what to do next. */
  #apply(event: unknown): void {
    const { type, object } = (event ?? {}) as { type?: unknown; object?: unknown }
    if (type === 'ERROR') throw this.#endedBy(object)
    const version = versionOf(object)
    const isChange = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED'
    if (version === undefined || (type !== 'BOOKMARK' && !isChange)) throw this.#malformed()
    if (isChange) {
      if (!isKubernetesObject(object)) throw this.#malformed()
      const selected = type === 'DELETED' ? undefined : this.#objects.select(object)
      const changed = this.#objects.put(keyOf(object), selected)
      this.#checkSize(this.#objects.kept.size)
      if (changed) this.#changed()
    }
    this.#version = version
  }

  #checkSize(objects: number): void {
    if (objects <= maxObjects) return
    throw new KubernetesError(
      `more than ${maxObjects} ${this.#options.what}: narrow them down by namespace or label`,
    )
  }

  #endedBy(object: unknown): KubernetesError {
    const { message, code, reason, retryAfterMs } = readStatus(object)
    const said = message === undefined ? '' : `: ${message}`
    return new KubernetesError(
      `the API server ended the watch of ${this.#options.what} with ${code ?? 'an error'}${said}`,
      { status: code, reason, retryAfterMs },
    )
  }

  #malformed(): KubernetesError {
    return new KubernetesError(
      `the watch of ${this.#options.what} sent an event that is none, or has no metadata`,
      { reason: malformedWatch },
    )
  }

  #changed(): void {
    this.#lastChangeAt = this.#options.now()
    this.#options.onChange()
  }

  #leaveOut(key: string, error: unknown): void {
    this.#counts.failures++
    this.#options.logger.warn({ what: this.#options.what, object: key, error }, 'object left out')
  }

  /** A watch of a time that is past would say nothing for long: after a restore, versions begin earlier. */
  async #checkVersion(): Promise<void> {
    if (this.#version === undefined) return
    const current = await currentVersion(this.#request)
    this.#doubtful = false
    if (!isOlderVersion(current, this.#version)) return
    const { logger, what } = this.#options
    logger.warn({ what, current, known: this.#version }, 'the API server was set back: read again')
    this.#version = undefined
  }

  /** How long to wait before it goes on. */
  #fail(error: unknown): number {
    const { optional = false } = this.#options
    const { status, reason, retryAfterMs = 0 } = error as Partial<KubernetesError>
    if (optional && status === 404) return this.#absent()
    this.#counts.failures++
    const expired = status === 410 || reason === 'Expired' || reason === versionTooLarge
    // Whoever says so is back: what failed before does not count any more.
    this.#failuresInRow = expired && !this.#expired ? 1 : this.#failuresInRow + 1
    this.#expired = expired
    // What a watch can't get past, a list goes around.
    const stuck = reason === malformedWatch && !this.#progress
    if (expired || stuck) this.#version = undefined
    this.#report(error as Error)
    return Math.max(
      Math.min(retryAfterMs, longestRetryAfterMs),
      this.#backoffMs(this.#failuresInRow),
    )
  }

  #backoffMs(failures: number): number {
    const { backoffBaseMs: baseMs, backoffMaxMs: maxMs } = this.#timing
    return backoff(failures, { baseMs, maxMs }, this.#options.random)
  }

  #report(error: Error): void {
    const { logger, what } = this.#options
    const isNews = this.#failuresInRow === 1 || error.message !== this.#lastError
    this.#lastError = error.message
    // After each restart of a server all versions are too old.
    const level = this.#expired ? 'info' : 'warn'
    logger[isNews ? level : 'debug']({ what, error }, 'watching goes on after a failure')
  }

  #absent(): number {
    this.#version = undefined
    this.#failuresInRow = 0
    this.#completed(new Map())
    return jitter(this.#timing.absentMs, 0.1, this.#options.random)
  }
}

function versionOf(object: unknown): string | undefined {
  const { metadata } = (object ?? {}) as { metadata?: unknown }
  const { resourceVersion } = (metadata ?? {}) as { resourceVersion?: unknown }
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined
}

function isSilence(error: unknown): boolean {
  return error instanceof KubernetesError && error.reason === silentWatch
}
