import { ExchangeError, type ErrorCode } from '../../base/errors.ts'
import type { ActiveTry, Exchange } from '../exchange/exchange.ts'

/**
 * An exchange that waits in the place of a try, for its function to run, its host's address, its token to be verified, or
 * a plugin: what ends the
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

  fail(message: string, code: ErrorCode = 'no_healthy_endpoint'): void {
    this.#exchange.attempt = undefined
    this.#exchange.fail(new ExchangeError(code, message))
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
