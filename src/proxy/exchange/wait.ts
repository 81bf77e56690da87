import type { ExchangeError } from '../../base/errors.ts'
import type { Waiting } from '../../resilience/admission-queue.ts'
import type { ActiveTry, Exchange } from './exchange.ts'

/** `ended`: somebody has let it go on; `cancelled`: the exchange is over. */
export type WaitEnd = 'elapsed' | 'ended' | 'cancelled'

/**
 * An exchange that waits, in the place of a try: what ends the exchange from outside, such as its caller's going, ends
 * the wait as well. Its body stays in the exchange's buffer, which stops the caller when it is full.
 */
export class Wait implements ActiveTry, Waiting {
  /** None yet. */
  readonly endpointId = ''
  readonly sending = false
  /** Monotonic ms. */
  readonly since: number
  readonly #exchange: Exchange
  readonly #onOver: (end: WaitEnd) => void
  readonly #timer: NodeJS.Timeout | undefined

  /**
   * @param onOver called exactly once.
   * @param longestMs default: no longer than the exchange itself.
   */
  constructor(exchange: Exchange, onOver: (end: WaitEnd) => void, longestMs?: number) {
    this.since = exchange.chain.now()
    this.#exchange = exchange
    this.#onOver = onOver
    this.#timer =
      longestMs === undefined ? undefined : setTimeout(() => this.#leave('elapsed'), longestMs)
  }

  end(): void {
    this.#leave('ended')
  }

  /** Ends the exchange, and the wait with it. */
  fail(error: ExchangeError): void {
    this.#leave('cancelled')
    this.#exchange.fail(error)
  }

  cancel(): void {
    this.#leave('cancelled')
  }

  timeOut(): void {
    this.#leave('cancelled')
  }

  write(): boolean {
    return true
  }

  endRequest(): void {}

  resume(): void {}

  #leave(end: WaitEnd): void {
    clearTimeout(this.#timer)
    if (this.#exchange.attempt !== this) return
    this.#exchange.attempt = undefined
    this.#onOver(this.#exchange.completed ? 'cancelled' : end)
  }
}
