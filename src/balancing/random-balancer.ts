import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'

/** Any endpoint, in proportion to weight. */
export class RandomBalancer implements LoadBalancer {
  readonly #candidates: Candidates

  constructor(candidates: Candidates) {
    this.#candidates = candidates
  }

  pick(context: PickContext): EndpointState | undefined {
    return this.#candidates.draw(context, undefined)
  }
}
