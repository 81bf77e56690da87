import { ExchangeError } from '../../base/errors.ts'
import { grpcStatusOfHttp, httpStatusOfGrpc } from '../../http/grpc.ts'
import type { FaultAbort } from '../../model/policy/fault.ts'

/** An answer that a TrafficPolicy wants in the place of the service's. */
export class InjectedFault extends ExchangeError {
  readonly #abort: FaultAbort

  constructor(abort: FaultAbort, route: string) {
    super('fault_injected', `faults of the TrafficPolicy for route ${route} answer this request`)
    this.#abort = abort
  }

  override get status(): number {
    return 'httpStatus' in this.#abort
      ? this.#abort.httpStatus
      : httpStatusOfGrpc(this.#abort.grpcStatus)
  }

  get grpcStatus(): number {
    return 'grpcStatus' in this.#abort
      ? this.#abort.grpcStatus
      : grpcStatusOfHttp(this.#abort.httpStatus)
  }
}
