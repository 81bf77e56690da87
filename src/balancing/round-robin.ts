import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'

/**
 * Smooth weighted round robin: each pick credits every endpoint with its weight and takes the richest, who
 * pays the total. Shares are exact over a cycle, and a heavy endpoint's turns are spread out, not in a row.
 */
export class RoundRobin implements LoadBalancer {
  readonly #candidates: Candidates

  constructor(candidates: Candidates) {
    this.#candidates = candidates
  }

  pick(context: PickContext): EndpointState | undefined {
    const panicking = this.#candidates.isPanicking()
    let richest: EndpointState | undefined
    let total = 0
    for (const state of this.#candidates.all) {
      if (!this.#candidates.isEligible(state, context, panicking)) continue
      state.credit += state.weight
      total += state.weight
      if (richest === undefined || state.credit > richest.credit) richest = state
    }
    if (richest !== undefined) richest.credit -= total
    return richest
  }
}
