import { backoff } from '../../../base/backoff.ts'
import type { Logger } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import { KubernetesError } from '../api/kubernetes-api.ts'

export interface ReconciliationOptions {
  /** For the log. */
  readonly what: string
  /** Brings the cluster to what it should be; does nothing where it is. Rejects when that failed: it is called again. */
  readonly pass: (signal: AbortSignal) => Promise<void>
  /** Whether it is this replica's duty now. */
  readonly isActive: () => boolean
  readonly logger: Logger
  readonly random: Random
}

const retry = { baseMs: 1000, maxMs: 60_000 }
/** Without a reason: what a lost notice left undone. */
const everyMs = 60_000

/** Runs passes, one at a time: soon after something has changed, after a failure with growing rests, and each minute. */
export class Reconciliation {
  readonly #options: ReconciliationOptions
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isRunning = false
  #isStale = false
  /** In a row. */
  #failures = 0

  constructor(options: ReconciliationOptions) {
    this.#options = options
    this.#sleep(0)
  }

  /** Something that it depends on has changed. While the API server fails, this does not hurry it. */
  changed(): void {
    if (this.#isRunning) this.#isStale = true
    else if (this.#failures === 0) this.#sleep(0)
  }

  /** Resolves when the pass that is under way has ended. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#running = this.#run()
    }, ms)
  }

  async #run(): Promise<void> {
    const { pass, isActive } = this.#options
    this.#isRunning = true
    this.#isStale = false
    try {
      if (isActive()) await pass(this.#closing.signal)
      this.#failures = 0
      this.#sleep(this.#isStale ? 0 : everyMs)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isRunning = false
    }
  }

  #failed(error: unknown): void {
    const { what, logger, random } = this.#options
    if (this.#closing.signal.aborted) return
    this.#failures++
    const asked = error instanceof KubernetesError ? (error.retryAfterMs ?? 0) : 0
    const restMs = Math.max(backoff(this.#failures, retry, random), Math.min(asked, retry.maxMs))
    logger.warn({ error, what, restMs }, 'could not bring the cluster to what it should be')
    this.#sleep(restMs)
  }
}
