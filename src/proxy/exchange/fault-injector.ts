import type { Random } from '../../base/random.ts'
import type { RequestHead } from '../../http/message.ts'
import type { FaultPolicy } from '../../model/policy/fault.ts'
import type { Exchange } from './exchange.ts'
import { InjectedFault } from './injected-fault.ts'
import { Wait } from './wait.ts'

/** A {@link FaultPolicy} at work. */
export interface ActiveFault {
  readonly policy: FaultPolicy
  readonly matches: (request: RequestHead) => boolean
}

/** Requests that wait at a time because of a fault; beyond it they go on at once. */
const mostDelayed = 4096

/** Delays and aborts requests, each fault by its own throw of the dice; before breaker and endpoints see anything of it. */
export class FaultInjector {
  readonly #random: Random
  #delayed = 0

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * @param go with what is to follow when no fault, or only a delay, is the request's lot.
   * @returns whether a fault has the exchange now; otherwise nothing was done.
   */
  take(exchange: Exchange, faults: readonly ActiveFault[], go: () => void): boolean {
    let delayMs = 0
    let abort: FaultPolicy['abort']
    for (const { policy, matches } of faults) {
      if (!matches(exchange.request) || this.#random() * 100 >= policy.percent) continue
      if (policy.delayMs !== undefined) delayMs = Math.max(delayMs, policy.delayMs)
      abort ??= policy.abort
    }
    if (delayMs === 0 && abort === undefined) return false
    const end = (): void => {
      if (abort === undefined) return go()
      exchange.fail(new InjectedFault(abort, exchange.route?.name ?? ''))
    }
    if (delayMs === 0 || this.#delayed >= mostDelayed) end()
    else this.#delay(exchange, delayMs, end)
    return true
  }

  #delay(exchange: Exchange, delayMs: number, end: () => void): void {
    this.#delayed++
    if (exchange.cluster !== undefined) exchange.cluster.stats.delayed++
    exchange.attempt = new Wait(
      exchange,
      how => {
        this.#delayed--
        if (how !== 'cancelled') end()
      },
      delayMs,
    )
  }
}
