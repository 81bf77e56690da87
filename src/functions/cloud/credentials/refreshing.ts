import type { Now } from '../../../base/clock.ts'
import { Deadline, orAborted } from '../transport/deadline.ts'

export interface Expiring {
  /** Wall clock, ms; Infinity: never. */
  readonly expiresAt: number
}

interface RefreshingOptions<T extends Expiring> {
  readonly load: (signal: AbortSignal) => Promise<T>
  readonly wallNow: Now
  /** Of one load, whoever waits for it. Default 10 s. */
  readonly loadTimeoutMs?: number
}

/** Before it expires, what is held is replaced. */
const refreshBeforeMs = 300_000
/** What is as near to its end as this is not used any more: clocks differ. */
const safetyMs = 10_000
/** After a refresh that failed, or that brought what expires soon as well. */
const restMs = 15_000
const defaultLoadTimeoutMs = 10_000

/**
 * Something that expires, kept for all that need it. One load at a time, however many wait; from 5 minutes before its
 * end it is loaded anew behind the callers' backs. Nothing expired is ever given out.
 */
export class Refreshing<T extends Expiring> {
  readonly #options: RefreshingOptions<T>
  #current: T | undefined
  #loading: Promise<T> | undefined
  #loadedAt = Number.NEGATIVE_INFINITY
  #restUntil = Number.NEGATIVE_INFINITY

  constructor(options: RefreshingOptions<T>) {
    this.#options = options
  }

  /** Rejects with what the load has thrown when there is nothing valid, or with the signal's reason. */
  async get(signal: AbortSignal): Promise<T> {
    const current = this.#current
    const now = this.#options.wallNow()
    if (current === undefined || now >= current.expiresAt - safetyMs)
      return orAborted(this.#load(), signal)
    if (now >= current.expiresAt - refreshBeforeMs && now >= this.#restUntil) {
      this.#restUntil = now + restMs
      // A failure is told to whoever finds nothing valid any more.
      this.#load().catch(() => {})
    }
    return current
  }

  /** `value` was refused: it is not given out again, unless it has just been loaded and another would be no better. */
  invalidate(value: T): void {
    const fresh = this.#options.wallNow() < this.#loadedAt + restMs
    if (this.#current === value && !fresh) this.#current = undefined
  }

  #load(): Promise<T> {
    this.#loading ??= this.#loadOnce().finally(() => (this.#loading = undefined))
    return this.#loading
  }

  async #loadOnce(): Promise<T> {
    const { load, loadTimeoutMs = defaultLoadTimeoutMs } = this.#options
    const deadline = new Deadline(loadTimeoutMs, new AbortController().signal)
    try {
      this.#current = await orAborted(load(deadline.signal), deadline.signal)
      this.#loadedAt = this.#options.wallNow()
      return this.#current
    } finally {
      deadline.end()
    }
  }
}
