import type { Random } from '../../../src/base/random.ts'
import { Availability } from '../../../src/balancing/availability.ts'
import { Candidates } from '../../../src/balancing/candidates.ts'
import {
  createLoadBalancer,
  type BalancingPolicy,
} from '../../../src/balancing/create-load-balancer.ts'
import { EndpointState } from '../../../src/balancing/endpoint-state.ts'
import type { LoadBalancer } from '../../../src/balancing/load-balancer.ts'
import { PanicThreshold } from '../../../src/balancing/panic-threshold.ts'
import type { Endpoint } from '../../../src/model/endpoint.ts'
import type { LoadBalancing } from '../../../src/model/policy/load-balancing.ts'

/** The endpoints of one cluster, named `e0`, `e1` and so on. */
export function statesOf(endpoints: readonly Partial<Endpoint>[]): EndpointState[] {
  const availability = new Availability()
  return endpoints.map(
    (endpoint, index) =>
      new EndpointState(
        {
          id: `e${index}`,
          address: '127.0.0.1',
          port: 8000 + index,
          weight: 1,
          workload: `w${index}`,
          ...endpoint,
        },
        availability,
      ),
  )
}

/** One endpoint per weight. */
export function endpointStates(...weights: number[]): EndpointState[] {
  return statesOf(weights.map(weight => ({ weight })))
}

export function candidatesOf(states: readonly EndpointState[], panicRatio = 0.3): Candidates {
  return new Candidates(states, new PanicThreshold(states, panicRatio))
}

export function balancerOf(
  loadBalancing: LoadBalancing,
  states: readonly EndpointState[],
  panicRatio = 0.3,
  more: Partial<BalancingPolicy> = {},
): LoadBalancer {
  return createLoadBalancer({ loadBalancing, outlierDetection: { panicRatio }, ...more }, states)
}

/** Uniform, and the same numbers in each run (a 32-bit xorshift). */
export function seededRandom(seed: number): Random {
  let state = (seed | 0) ^ 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
}

/** How often each id was picked. */
export function tally(picks: Iterable<EndpointState | undefined>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const picked of picks) {
    const id = picked?.endpoint.id ?? 'none'
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}
