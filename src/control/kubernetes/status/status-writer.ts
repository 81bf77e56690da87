import { fieldsOf } from '../../../base/fields.ts'
import { pause } from '../../../base/pause.ts'
import { backoff, type BackoffOptions } from '../../../base/backoff.ts'
import type { Now } from '../../../base/clock.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import { KubernetesError, type KubernetesApi } from '../api/kubernetes-api.ts'
import { formatTime } from './condition.ts'
import { isSaid, mergedStatus, type StatusUpdate } from './status-updates.ts'

export interface StatusWriterOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  /** Of several replicas one writes. */
  readonly leader: { readonly isLeader: boolean }
  /** What is to be written by now; asked before each round. */
  readonly updates: () => readonly StatusUpdate[]
  readonly logger: Logger
  /** Wall clock, for the times in conditions. */
  readonly now: Now
  readonly random: Random
  /** Between two writes: a bad release must not load the API server with statuses. Default 100. */
  readonly gapMs?: number
  /** Until a status that was refused is tried again. Default 60,000. */
  readonly refusedMs?: number
  /** While the API server is in trouble. Default: from 500 to 30,000. */
  readonly failureBackoff?: BackoffOptions
}

/** For metrics, each since the start. */
export interface StatusWriterCounters {
  written: number
  /** Somebody else had changed the object; it was read again. */
  conflicts: number
  /** The API server refused it for good. */
  refused: number
  /** It could not be asked, or wanted to be left alone. */
  failures: number
}

const maxConflicts = 3
const longestRetryAfterMs = 60_000
/** Of those refused; more are forgotten, and tried again. */
const maxRefused = 10_000

/**
 * Writes statuses back, one after the other, while this replica leads. Nothing is queued: each round asks what is to be
 * written now, so that what was overtaken is never written.
 */
export class StatusWriter {
  readonly counters: StatusWriterCounters = { written: 0, conflicts: 0, refused: 0, failures: 0 }
  readonly #options: StatusWriterOptions
  readonly #closing = new AbortController()
  /** By title: the version at which it was refused. */
  readonly #refused = new Map<string, string>()
  #running: Promise<void> = Promise.resolve()
  #isRunning = false
  #isOutdated = false
  #forgetting: NodeJS.Timeout | undefined

  static start(options: StatusWriterOptions): StatusWriter {
    const writer = new StatusWriter(options)
    writer.changed()
    return writer
  }

  private constructor(options: StatusWriterOptions) {
    this.#options = options
  }

  /** Objects, configuration or leadership are not what they were. */
  changed(): void {
    this.#isOutdated = true
    if (this.#isRunning || this.#closing.signal.aborted) return
    this.#isRunning = true
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#forgetting)
    await this.#running
  }

  async #run(): Promise<void> {
    let failuresInRow = 0
    try {
      while (this.#isOutdated && this.#mayWrite) {
        this.#isOutdated = false
        const waitMs = await this.#round()
        failuresInRow = waitMs === undefined ? 0 : failuresInRow + 1
        if (waitMs === undefined) continue
        this.#isOutdated = true
        const { random, failureBackoff = { baseMs: 500, maxMs: 30_000 } } = this.#options
        const leastMs = backoff(failuresInRow, failureBackoff, random)
        await pause(Math.max(waitMs, leastMs), this.#closing.signal)
      }
    } finally {
      this.#isRunning = false
    }
  }

  get #mayWrite(): boolean {
    return this.#options.leader.isLeader && !this.#closing.signal.aborted
  }

  /** How long to wait when the API server is in trouble, at least; undefined: all was written. */
  async #round(): Promise<number | undefined> {
    const { updates, gapMs = 100, logger } = this.#options
    for (const update of updates()) {
      if (!this.#mayWrite) return undefined
      const { title, resourceVersion } = update.target
      if (this.#refused.get(title) === resourceVersion) continue
      try {
        await this.#write(update)
      } catch (error) {
        if (this.#closing.signal.aborted) return undefined
        if (!isRefusal(error)) return this.#failed(error)
        this.#refuse(title, resourceVersion)
        logger.warn({ error, object: title }, 'the status of an object could not be written')
      }
      await pause(gapMs, this.#closing.signal)
    }
    return undefined
  }

  async #write({ target, own }: StatusUpdate): Promise<void> {
    const { api, now } = this.#options
    const { title, path, generation } = target
    const { signal } = this.#closing
    let { resourceVersion, status } = target
    for (let conflicts = 0; conflicts <= maxConflicts; conflicts++) {
      if (isSaid(own, status, generation)) return
      const merged = mergedStatus(own, status, { generation, now: formatTime(now()) })
      const body = { metadata: { resourceVersion }, status: merged }
      const what = `the status of ${title}`
      try {
        await api.request({ method: 'PATCH', path: `${path}/status`, what, body, signal })
        this.counters.written++
        return
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.status !== 409) throw error
        this.counters.conflicts++
      }
      const fresh = fieldsOf(await api.request({ method: 'GET', path, what: title, signal }))
      const { resourceVersion: version, generation: current } = fieldsOf(fresh['metadata'])
      // What there is to say of the new one comes with the event that it caused.
      if (current !== generation || typeof version !== 'string') return
      resourceVersion = version
      status = fieldsOf(fresh['status'])
    }
    throw new KubernetesError(`${title} changes faster than its status can be written`)
  }

  #failed(error: unknown): number {
    this.counters.failures++
    this.#options.logger.warn({ error }, 'statuses could not be written, and are tried again')
    const asked = error instanceof KubernetesError ? (error.retryAfterMs ?? 0) : 0
    return Math.min(asked, longestRetryAfterMs)
  }

  /** Asking again and again would not help; but somebody may give the right that is missing. */
  #refuse(title: string, resourceVersion: string): void {
    this.counters.refused++
    if (this.#refused.size >= maxRefused) this.#refused.clear()
    this.#refused.set(title, resourceVersion)
    this.#forgetting ??= setTimeout(() => {
      this.#forgetting = undefined
      this.#refused.clear()
      this.changed()
    }, this.#options.refusedMs ?? 60_000).unref()
  }
}

/** An answer that will be the same next time. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof KubernetesError) || error.status === undefined) return false
  return error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 401
}
