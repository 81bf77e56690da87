import { ExchangeError } from '../../base/errors.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { Wait } from '../exchange/wait.ts'
import type { ActivePlugin } from './active-plugin.ts'
import { GuardedHeaders } from './guarded-headers.ts'
import type { PluginContext, PluginSummary } from './plugin.ts'
import { contextOf, PluginExchange, RequestCall } from './plugin-exchange.ts'

export interface PluginFilterOptions {
  readonly direction: 'inbound' | 'outbound'
  /** In the order of the settings. */
  readonly plugins: readonly ActivePlugin[]
  /** A promise may be waited for. False before a function: its call takes the body from the beginning. */
  readonly mayWait: boolean
}

/** Exchanges that wait for promises of plugins; each may hold 64 KiB of its body. */
const maxWaiting = 1024

/** Runs the plugins of one direction around each exchange. Without plugins there is no such filter. */
export class PluginFilter implements Filter {
  readonly #options: PluginFilterOptions
  readonly #plugins: readonly ActivePlugin[]
  #waiting = 0

  constructor(options: PluginFilterOptions) {
    this.#options = options
    this.#plugins = options.plugins
  }

  onRequest(exchange: Exchange): boolean {
    const state = new PluginExchange()
    exchange.plugins = state
    return this.#run(exchange, state)
  }

  onResponse(exchange: Exchange, head: ResponseHead): void {
    const state = exchange.plugins
    if (state === undefined || state.failed) return
    for (let index = state.reached - 1; index >= 0; index--) {
      const plugin = this.#plugins[index]
      if (plugin?.hooks.onResponse === undefined) continue
      const why = this.#onResponse(plugin, exchange, { state, head })
      if (why === undefined || plugin.onError === 'continue') continue
      state.failed = true
      return exchange.refuseAnswer(failure(plugin, why))
    }
  }

  onComplete(exchange: Exchange): void {
    const state = exchange.plugins
    if (state === undefined) return
    const { status, reason, startedAt, endedAt, requestBytes, responseBytes } = exchange
    const durationMs = endedAt - startedAt
    const summary = { status, reason, durationMs, requestBytes, responseBytes }
    for (let index = state.reached - 1; index >= 0; index--) {
      const plugin = this.#plugins[index]
      if (plugin?.hooks.onComplete === undefined || plugin.isOff) continue
      this.#onComplete(plugin, summary, contextOf(exchange, state, this.#options.direction))
    }
  }

  /** @returns false when the exchange is answered, or waits; then the chain is taken up again from here. */
  #run(exchange: Exchange, state: PluginExchange): boolean {
    while (state.reached < this.#plugins.length) {
      const plugin = this.#plugins[state.reached]
      if (plugin === undefined) return true
      if (plugin.hooks.onRequest !== undefined && !this.#call(plugin, exchange, state)) return false
      else if (plugin.hooks.onRequest === undefined) state.reached++
    }
    return true
  }

  /** @returns false when it is not for the next plugin yet, or at all. */
  #call(plugin: ActivePlugin, exchange: Exchange, state: PluginExchange): boolean {
    if (plugin.isOff) {
      plugin.counters.skipped++
      state.reached++
      return true
    }
    const call = new RequestCall(exchange, state, this.#options.direction)
    const outcome = plugin.run('onRequest', () => plugin.hooks.onRequest?.(call.request, call))
    state.reached++
    if (outcome?.value instanceof Promise) {
      this.#await(plugin, exchange, { state, call, promise: outcome.value })
      return false
    }
    call.close()
    if (outcome === undefined) return this.#tolerates(plugin, exchange, 'has failed')
    plugin.succeeded('onRequest')
    return this.#goesOn(plugin, exchange, call)
  }

  #await(
    plugin: ActivePlugin,
    exchange: Exchange,
    { state, call, promise }: { state: PluginExchange; call: RequestCall; promise: Promise<void> },
  ): void {
    const refusal = this.#refusalToWait()
    const { timeoutMs } = plugin
    let failed: Failed | undefined
    this.#waiting++
    const wait = new Wait(
      exchange,
      end => {
        this.#waiting--
        call.close()
        if (end === 'cancelled') return
        if (end === 'elapsed') failed = becauseOf(`took more than ${timeoutMs} ms`)
        if (failed === undefined) plugin.succeeded('onRequest')
        else plugin.failed('onRequest', failed.error)
        const goesOn =
          failed === undefined
            ? this.#goesOn(plugin, exchange, call)
            : this.#tolerates(plugin, exchange, failed.why)
        if (goesOn && this.#run(exchange, state)) exchange.chain.proceed(exchange, this)
      },
      timeoutMs,
    )
    exchange.attempt = wait
    const settle = (outcome: Failed | undefined): void => {
      failed = outcome
      wait.end()
    }
    promise.then(
      () => settle(undefined),
      (error: unknown) => settle({ error, why: 'has failed' }),
    )
    if (refusal !== undefined) settle(becauseOf(refusal))
  }

  #refusalToWait(): string | undefined {
    if (!this.#options.mayWait) return 'gave a promise, which is not waited for before a function'
    return this.#waiting >= maxWaiting ? `has ${maxWaiting} promises pending already` : undefined
  }

  #goesOn(plugin: ActivePlugin, exchange: Exchange, { answer }: RequestCall): boolean {
    if (answer === undefined) return true
    plugin.counters.answers++
    const message = `the plugin ${plugin.name} answered ${answer.status}`
    exchange.fail(new ExchangeError('plugin_answered', message), answer)
    return false
  }

  /** A failure counts as its settings say. */
  #tolerates(plugin: ActivePlugin, exchange: Exchange, why: string): boolean {
    if (plugin.onError === 'continue') return true
    if (exchange.plugins !== undefined) exchange.plugins.failed = true
    exchange.fail(failure(plugin, why))
    return false
  }

  /** @returns why the answer may not leave; undefined when it may. */
  #onResponse(
    plugin: ActivePlugin,
    exchange: Exchange,
    { state, head }: { state: PluginExchange; head: ResponseHead },
  ): string | undefined {
    if (plugin.isOff) {
      plugin.counters.skipped++
      return undefined
    }
    const headers = new GuardedHeaders(head.headers)
    const response = { status: head.status, reason: exchange.reason, headers }
    const context = contextOf(exchange, state, this.#options.direction)
    const outcome = plugin.run('onResponse', () => {
      const result: unknown = plugin.hooks.onResponse?.(response, context)
      if (!(result instanceof Promise)) return
      // What becomes of it concerns nobody any more.
      result.catch(() => {})
      throw new TypeError('onResponse gave a promise, and must be synchronous')
    })
    headers.close()
    if (outcome === undefined) return 'has failed'
    plugin.succeeded('onResponse')
    return undefined
  }

  #onComplete(plugin: ActivePlugin, summary: PluginSummary, context: PluginContext): void {
    const outcome = plugin.run<unknown>('onComplete', () =>
      plugin.hooks.onComplete?.(summary, context),
    )
    if (outcome === undefined) return
    // Nobody waits for it, and nobody else would hear of its failure but the process, which it would end.
    if (outcome.value instanceof Promise)
      outcome.value.catch((error: unknown) => plugin.failed('onComplete', error))
    else plugin.succeeded('onComplete')
  }
}

/** Why a request does not go on as its plugin wanted. */
interface Failed {
  readonly error: unknown
  readonly why: string
}

function becauseOf(why: string): Failed {
  return { error: new Error(why), why }
}

function failure({ name }: ActivePlugin, why: string): ExchangeError {
  return new ExchangeError('plugin_failed', `the plugin ${name} ${why}`)
}
