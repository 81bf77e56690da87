import type { SubsetPolicy } from '../model/policy/load-balancing.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { LoadBalancer, PickContext } from './load-balancer.ts'

/** Values of a label that have a balancer of their own; further ones are as unknown as those that nobody has. */
export const maxSubsets = 64

/** Chooses among the endpoints whose label has the value that the request asks for. */
export class SubsetBalancer implements LoadBalancer {
  readonly #all: LoadBalancer
  readonly #subsets = new Map<string, LoadBalancer>()
  readonly #fallsBack: boolean

  constructor(
    { label, fallback }: SubsetPolicy,
    endpoints: readonly EndpointState[],
    create: (endpoints: readonly EndpointState[]) => LoadBalancer,
  ) {
    this.#fallsBack = fallback === 'any'
    this.#all = create(endpoints)
    const byValue = Map.groupBy(endpoints, ({ endpoint }) => endpoint.labels?.[label])
    for (const [value, members] of byValue)
      if (value !== undefined && this.#subsets.size < maxSubsets)
        this.#subsets.set(value, create(members))
  }

  pick(context: PickContext): EndpointState | undefined {
    const { subset } = context
    if (subset === undefined) return this.#all.pick(context)
    const picked = this.#subsets.get(subset)?.pick(context)
    return picked === undefined && this.#fallsBack ? this.#all.pick(context) : picked
  }
}
