import type { Now } from '../../base/clock.ts'
import type { FunctionLoad } from '../../discovery/message.ts'
import { ConcurrencyMeter } from '../../functions/scaling/concurrency-meter.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'

export interface LoadReporterOptions {
  /** `<name>.<namespace>`; undefined while nothing is known of it. */
  readonly name: () => string | undefined
  /** As its instances see it now. */
  readonly instances: () => Pick<FunctionLoad, 'queued' | 'ready'>
  /** @returns false when nobody takes it. */
  readonly report: (load: Omit<FunctionLoad, 'type'>) => boolean
  readonly now: Now
}

const intervalMs = 1000

/**
 * Tells the control plane what a hosted function has to do: at the first call after idleness at once, then once a
 * second until a whole second was idle. Who hears nothing knows that it is.
 */
export class LoadReporter implements Filter {
  readonly #options: LoadReporterOptions
  readonly #meter: ConcurrencyMeter
  /** Those whose end is to be counted: a filter before this one may have ended others. */
  readonly #exchanges = new Set<Exchange>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: LoadReporterOptions) {
    this.#options = options
    this.#meter = new ConcurrencyMeter(options.now())
  }

  onRequest(exchange: Exchange): boolean {
    this.#exchanges.add(exchange)
    this.#count()
    if (this.#timer === undefined) this.#begin()
    return true
  }

  onComplete(exchange: Exchange): void {
    if (this.#exchanges.delete(exchange)) this.#count()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #count(): void {
    this.#meter.set(this.#options.now(), this.#exchanges.size)
  }

  #begin(): void {
    // The idle time before says nothing of what comes now.
    this.#meter.take(this.#options.now())
    this.#report(this.#exchanges.size)
    this.#timer = setInterval(() => this.#look(), intervalMs)
    this.#timer.unref()
  }

  #look(): void {
    const mean = this.#meter.take(this.#options.now())
    if (mean > 0 || this.#exchanges.size > 0) {
      this.#report(mean)
      return
    }
    if (!this.#report(0)) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #report(concurrency: number): boolean {
    const { name, instances, report } = this.#options
    const { queued, ready } = instances()
    const known = name()
    if (known === undefined) return false
    return report({ function: known, active: Math.max(0, concurrency - queued), queued, ready })
  }
}
