import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'

/** Whether `a` is the better choice of the two at `now` (ms). */
type Preference = (a: EndpointState, b: EndpointState, now: number) => boolean

/**
 * Power of two random choices, or of more: the best of the draws. It spreads load almost as well as comparing all,
 * and proxies that know nothing of each other do not flock to the same endpoint.
 */
export class RandomChoices implements LoadBalancer {
  readonly #candidates: Candidates
  readonly #prefer: Preference
  readonly #choices: number

  /** @param choices 2 or more. */
  constructor(candidates: Candidates, prefer: Preference, choices = 2) {
    this.#candidates = candidates
    this.#prefer = prefer
    this.#choices = choices
  }

  pick(context: PickContext): EndpointState | undefined {
    const candidates = this.#candidates
    let best = candidates.draw(context, undefined)
    if (best === undefined) return undefined
    for (let drawn = 1; drawn < this.#choices; drawn++) {
      const other = candidates.draw(context, best)
      if (other === undefined) return best
      if (this.#prefer(other, best, context.now)) best = other
    }
    return best
  }
}
