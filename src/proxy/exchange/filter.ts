import type { ResponseHead } from '../../http/message.ts'
import type { RequestHandler, ServerStream } from '../../http/stream.ts'
import type { Now } from '../../base/clock.ts'
import { Exchange } from './exchange.ts'

/**
 * One behaviour around every exchange of a listener. Built once, shared by all exchanges: state of a single
 * exchange lives in {@link Exchange}.
 */
export interface Filter {
  /**
   * In the order of the chain.
   * @returns false when the filter failed or answered the exchange itself, or will call {@link Chain.proceed}.
   */
  onRequest?(exchange: Exchange): boolean
  /** In reverse order, before the head goes downstream; local replies pass here too. */
  onResponse?(exchange: Exchange, head: ResponseHead): void
  /** Once for every exchange, however it ended. */
  onComplete?(exchange: Exchange): void
}

export interface ChainOptions {
  readonly filters: readonly Filter[]
  /** What answers when all filters let the request through. */
  readonly terminal: (exchange: Exchange) => void
  readonly now: Now
}

/** The filters of a listener around the handler at their end. */
export class Chain {
  readonly now: Now
  readonly #request: readonly Filter[]
  readonly #response: readonly Filter[]
  readonly #complete: readonly Filter[]
  readonly #terminal: (exchange: Exchange) => void

  constructor({ filters, terminal, now }: ChainOptions) {
    this.#request = filters.filter(filter => filter.onRequest !== undefined)
    this.#response = filters.filter(filter => filter.onResponse !== undefined).toReversed()
    this.#complete = filters.filter(filter => filter.onComplete !== undefined).toReversed()
    this.#terminal = terminal
    this.now = now
  }

  /** The {@link RequestHandler} to give to server connections. */
  readonly handle: RequestHandler = (stream: ServerStream) => {
    const exchange = new Exchange(stream, this)
    stream.receiver = exchange
    this.#run(exchange, 0)
  }

  /** Goes on behind a filter that has held an exchange up. */
  proceed(exchange: Exchange, filter: Filter): void {
    exchange.heldUp = true
    this.#run(exchange, this.#request.indexOf(filter) + 1)
  }

  response(exchange: Exchange, head: ResponseHead): void {
    for (const filter of this.#response) filter.onResponse?.(exchange, head)
  }

  complete(exchange: Exchange): void {
    for (const filter of this.#complete) filter.onComplete?.(exchange)
  }

  #run(exchange: Exchange, from: number): void {
    for (let index = from; index < this.#request.length; index++)
      if (this.#request[index]?.onRequest?.(exchange) === false) return
    this.#terminal(exchange)
  }
}
