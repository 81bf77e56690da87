import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'
import type { SlowStart } from './slow-start.ts'

/**
 * Asks less of the endpoints where nobody would be left: those on probation get a second request; for a retry an
 * ejected endpoint, which may have recovered, is taken rather than one that has just failed, and that at last.
 */
export class RelaxingBalancer implements LoadBalancer {
  readonly #balancer: LoadBalancer
  readonly #slowStart: SlowStart | undefined

  /** @param slowStart of the same endpoints. */
  constructor(balancer: LoadBalancer, slowStart: SlowStart | undefined) {
    this.#balancer = balancer
    this.#slowStart = slowStart
  }

  pick(context: PickContext): EndpointState | undefined {
    this.#slowStart?.advance(context.now)
    return this.#balancer.pick(context) ?? this.#pickRelaxed(context)
  }

  #pickRelaxed(context: PickContext): EndpointState | undefined {
    const { tried } = context
    const busy = this.#balancer.pick({ ...context, evenIf: 'busy' })
    if (busy !== undefined || tried === undefined) return busy
    const ejected = this.#balancer.pick({ ...context, evenIf: 'ejected' })
    if (ejected !== undefined) return ejected
    const again = { ...context, tried: undefined }
    return this.#balancer.pick(again) ?? this.#balancer.pick({ ...again, evenIf: 'busy' })
  }
}
