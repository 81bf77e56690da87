import { getHeapStatistics } from 'node:v8'
import type { Now } from '../../base/clock.ts'
import { ExchangeError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { LoadShedder, priorities, type Priority } from '../../resilience/load-shedder.ts'
import { overloadDefaults, type OverloadPolicy } from '../../model/policy/overload.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { priorityHeader } from '../mesh-headers.ts'

export interface OverloadFilterOptions {
  readonly now: Now
  readonly random: Random
  /** Share of the heap that is used. Default: this thread's. */
  readonly heapRatio?: () => number
}

/** Between looks at the load while requests come. */
const sampleMs = 50

/**
 * Turns requests away while this thread has too much to do, the less important first. Early in the chain, so that what
 * is turned away costs little.
 */
export class OverloadFilter implements Filter {
  /** Requests turned away. */
  shed = 0
  readonly #options: OverloadFilterOptions
  readonly #shedder = new LoadShedder(overloadDefaults)
  readonly #heapRatio: () => number
  #timer: NodeJS.Timeout | undefined
  #dueAt = 0
  #requestSeen = false

  constructor(options: OverloadFilterOptions) {
    this.#options = options
    this.#heapRatio = options.heapRatio ?? heapRatio
  }

  get pressure(): number {
    return this.#shedder.pressure
  }

  /** Takes effect with the next look at the load. */
  apply(policy: OverloadPolicy = overloadDefaults): void {
    this.#shedder.policy = policy
  }

  onRequest(exchange: Exchange): boolean {
    this.#requestSeen = true
    // An idle sidecar looks at nothing, and sleeps.
    if (this.#timer === undefined) this.#arm(exchange.startedAt)
    if (this.#shedder.pressure === 0) return true
    const priority = priorityOf(exchange)
    if (!this.#shedder.sheds(priority, this.#options.random)) return true
    this.shed++
    exchange.fail(
      new ExchangeError(
        'overloaded',
        `this sidecar has too much to do, and turns requests of priority ${priority} away`,
      ),
    )
    return false
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #arm(now: number): void {
    this.#dueAt = now + sampleMs
    this.#timer = setTimeout(() => this.#sample(), sampleMs)
    this.#timer.unref()
  }

  #sample(): void {
    const now = this.#options.now()
    const eventLoopDelayMs = Math.max(0, now - this.#dueAt)
    this.#shedder.sample({ eventLoopDelayMs, heapRatio: this.#heapRatio() })
    this.#timer = undefined
    if (!this.#requestSeen && this.#shedder.pressure === 0) return
    this.#requestSeen = false
    this.#arm(now)
  }
}

function heapRatio(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return used / limit
}

const known: ReadonlySet<string> = new Set(priorities)

/** What is no priority counts as none given. */
function priorityOf({ request }: Exchange): Priority {
  const value = request.headers.get(priorityHeader)
  return value !== undefined && known.has(value) ? (value as Priority) : 'normal'
}
