import { ExchangeError } from '../../base/errors.ts'
import type { FunctionFault } from '../../functions/fault.ts'
import type {
  AssignedServer,
  Invocation,
  InvocationReceiver,
  Invoked,
  Invoker,
} from '../../functions/invocation.ts'
import type { ActiveTry, Exchange } from '../exchange/exchange.ts'
import { faultCodes, requestIdHeader } from './http-format.ts'

export interface HttpCallOptions {
  readonly id: string
  readonly invoker: Invoker
  /** Sends the exchange to the program. */
  readonly forward: (exchange: Exchange, server: AssignedServer) => void
}

/** One request of HTTP for a function that is a server of HTTP: waits for an instance, and goes there as it is. */
export class HttpCall implements ActiveTry, InvocationReceiver {
  readonly sending = false
  readonly endpointId = 'function:waiting'
  readonly #exchange: Exchange
  readonly #options: HttpCallOptions
  #invoked: Invoked | undefined
  #server: AssignedServer | undefined
  #over = false

  constructor(exchange: Exchange, options: HttpCallOptions) {
    this.#exchange = exchange
    this.#options = options
  }

  start(invocation: Omit<Invocation, 'id' | 'payload' | 'receiver'>): void {
    const { id, invoker } = this.#options
    this.#exchange.attempt = this
    this.#exchange.request.headers.set(requestIdHeader, id)
    this.#invoked = invoker.invoke({ ...invocation, id, payload: Buffer.alloc(0), receiver: this })
    if (this.#server !== undefined) this.#forward(this.#server)
  }

  /** The exchange has ended: the instance can take the next one. */
  end(): void {
    this.#over = true
    this.#server?.done(this.#exchange.reason !== undefined)
    this.#server = undefined
  }

  // The host's side

  onServer(server: AssignedServer): void {
    if (this.#over) return server.done(false)
    this.#server = server
    if (this.#invoked === undefined) return
    this.#exchange.heldUp = true
    this.#forward(server)
  }

  onFault({ stage, errorType }: FunctionFault): void {
    if (this.#over) return
    const error = new ExchangeError(
      faultCodes[stage],
      `${errorType}, request id ${this.#options.id}`,
    )
    this.#exchange.attempt?.timeOut(error)
    this.#exchange.fail(error)
  }

  // What servers of HTTP never have: their answer goes past this.

  onResult(): void {}
  onStreamHead(): void {}
  onStreamChunk(): boolean {
    return true
  }
  onStreamEnd(): void {}

  // The exchange's side, while it waits: its body is held until somebody takes it.

  write(): boolean {
    return false
  }
  endRequest(): void {}
  resume(): void {}
  cancel(): void {
    this.#invoked?.cancel()
  }
  timeOut(): void {
    this.#invoked?.cancel()
  }

  #forward(server: AssignedServer): void {
    this.#exchange.attempt = undefined
    this.#options.forward(this.#exchange, server)
  }
}
