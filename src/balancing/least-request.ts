import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'
import { pickOfTwo } from './two-choices.ts'

/** Of two random endpoints the one with fewer requests in flight for its weight. */
export class LeastRequest implements LoadBalancer {
  readonly #candidates: Candidates

  constructor(candidates: Candidates) {
    this.#candidates = candidates
  }

  pick(context: PickContext): EndpointState | undefined {
    return pickOfTwo(this.#candidates, context, isLessBusy)
  }
}

function isLessBusy(a: EndpointState, b: EndpointState): boolean {
  return a.active * b.endpoint.weight < b.active * a.endpoint.weight
}
