import type { Waiting } from '../../resilience/admission-queue.ts'
import type { ActiveTry, Exchange } from './exchange.ts'

/** `ended`: somebody has let it go on; `cancelled`: the exchange is over. */
export type WaitEnd = 'elapsed' | 'ended' | 'cancelled'

/**
 * An exchange that waits, in the place of a try: what ends the exchange from outside ends the wait as well. Its body
 * stays in the exchange's buffer, which stops the caller when it is full.
 */
export class Wait implements ActiveTry, Waiting {
  /** None yet. */
  readonly endpointId = ''
  readonly sending = false
  /** Monotonic ms. */
  readonly since: number
  readonly #exchange: Exchange
  readonly #onOver: (end: WaitEnd) => void
  readonly #timer: NodeJS.Timeout

  /** @param onOver called exactly once. */
  constructor(exchange: Exchange, longestMs: number, onOver: (end: WaitEnd) => void) {
    this.since = exchange.chain.now()
    this.#exchange = exchange
    this.#onOver = onOver
    this.#timer = setTimeout(() => this.#leave('elapsed'), longestMs)
  }

  end(): void {
    this.#leave('ended')
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
    this.#onOver(end)
  }
}
