import { ExchangeError } from '../../base/errors.ts'
import type { ActiveTry, Exchange } from '../exchange/exchange.ts'

/**
 * An exchange that waits for its function to run, or for its token to be verified, in the place of a try: what ends the
 * exchange from outside, such as its caller's going, ends the wait as well.
 */
export class WaitingExchange implements ActiveTry {
  /** None yet. */
  readonly endpointId = ''
  /** Its body stays in the exchange's buffer, which stops the caller when it is full. */
  readonly sending = false
  /** Monotonic ms. */
  readonly since: number
  readonly #exchange: Exchange
  readonly #go: () => void
  readonly #onLeave: () => void

  constructor(exchange: Exchange, go: () => void, since: number, onLeave: () => void) {
    this.#exchange = exchange
    this.#go = go
    this.since = since
    this.#onLeave = onLeave
  }

  go(): void {
    this.#exchange.attempt = undefined
    if (!this.#exchange.completed) this.#go()
  }

  fail(message: string): void {
    this.#exchange.attempt = undefined
    this.#exchange.fail(new ExchangeError('no_healthy_endpoint', message))
  }

  cancel(): void {
    this.#exchange.attempt = undefined
    this.#onLeave()
  }

  timeOut(): void {
    this.cancel()
  }

  write(): boolean {
    return true
  }

  endRequest(): void {}

  resume(): void {}
}
