import { LogLimit } from '../../base/log-limit.ts'
import type { Logger } from '../../base/log.ts'
import type { Now } from '../../base/clock.ts'
import type { PluginSettings } from '../../model/plugin.ts'
import type { Plugin } from './plugin.ts'

/** Errors of one hook in a row after which a plugin is passed over for {@link offMs}; then one call decides. */
const maxConsecutiveErrors = 20
const offMs = 30_000

/** A synchronous call of more than that holds up all traffic of the thread noticeably. */
const slowCallMs = 10

const linesPerSecond = 10
const defaultTimeoutMs = 100

export interface ActivePluginOptions {
  readonly name: string
  readonly settings: PluginSettings
  readonly plugin: Plugin
  readonly logger: Logger
  readonly now: Now
}

type Hook = 'onRequest' | 'onResponse' | 'onComplete'

/**
 * A plugin that was loaded: it is called here, timed, and switched off when it does nothing but fail. Not one without
 * which nothing may pass: whoever finds out what it throws at could shut off everybody else.
 */
export class ActivePlugin {
  readonly name: string
  readonly hooks: Plugin
  readonly direction: NonNullable<PluginSettings['direction']>
  readonly onError: NonNullable<PluginSettings['onError']>
  readonly timeoutMs: number
  /** Since the start. */
  readonly counters = { calls: 0, errors: 0, slow: 0, answers: 0, skipped: 0, milliseconds: 0 }
  readonly #logger: Logger
  readonly #now: Now
  readonly #lines = new LogLimit(linesPerSecond)
  /** Errors in a row: a hook that works does not make up for another. */
  readonly #consecutive: Record<Hook, number> = { onRequest: 0, onResponse: 0, onComplete: 0 }
  #offUntil = Number.NEGATIVE_INFINITY

  constructor({ name, settings, plugin, logger, now }: ActivePluginOptions) {
    this.name = name
    this.hooks = plugin
    this.direction = settings.direction ?? 'both'
    this.onError = settings.onError ?? 'fail'
    this.timeoutMs = settings.timeoutMs ?? defaultTimeoutMs
    this.#logger = logger
    this.#now = now
  }

  get isOff(): boolean {
    return this.#now() < this.#offUntil
  }

  /** @returns what `call` did; undefined, with the failure taken note of, when it threw. */
  run<T>(hook: Hook, call: () => T): { readonly value: T } | undefined {
    const begunAt = this.#now()
    this.counters.calls++
    try {
      return { value: call() }
    } catch (error) {
      this.failed(hook, error)
      return undefined
    } finally {
      this.#measure(hook, this.#now() - begunAt)
    }
  }

  /** The hook did what it should. */
  succeeded(hook: Hook): void {
    this.#consecutive[hook] = 0
  }

  failed(hook: Hook, error: unknown): void {
    this.counters.errors++
    const errors = ++this.#consecutive[hook]
    this.#log({ hook, error }, 'a plugin has failed')
    if (errors < maxConsecutiveErrors || this.onError === 'fail') return
    this.#offUntil = this.#now() + offMs
    this.#log({ hook, errors, offMs }, 'a plugin is switched off for a while')
  }

  #measure(hook: Hook, ms: number): void {
    this.counters.milliseconds += ms
    if (ms < slowCallMs) return
    this.counters.slow++
    this.#log({ hook, ms: Math.round(ms) }, 'a call of a plugin held up all traffic of its thread')
  }

  #log(fields: object, message: string): void {
    if (!this.#lines.admit(this.#now())) return
    const suppressed = this.#lines.takeSuppressed()
    this.#logger.warn({ plugin: this.name, ...fields, suppressed }, message)
  }
}
