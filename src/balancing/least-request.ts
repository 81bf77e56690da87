import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'
import { pickOfDraws } from './random-choices.ts'

/** Of two random endpoints, or of more, the one with the fewest requests in flight for its weight. */
export class LeastRequest implements LoadBalancer {
  readonly candidates: Candidates
  readonly choices: number
  readonly prefer = isLessBusy

  constructor(candidates: Candidates, choices = 2) {
    this.candidates = candidates
    this.choices = choices
  }

  pick(context: PickContext): EndpointState | undefined {
    return pickOfDraws(this, context)
  }
}

function isLessBusy(a: EndpointState, b: EndpointState): boolean {
  return a.active * b.weight < b.active * a.weight
}
