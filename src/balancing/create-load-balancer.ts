import type { LoadBalancing } from '../model/cluster.ts'
import { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import { LeastRequest } from './least-request.ts'
import type { LoadBalancer } from './load-balancer.ts'
import { PeakEwma } from './peak-ewma.ts'
import { RoundRobin } from './round-robin.ts'

/**
 * @param panicRatio with a smaller share of endpoints available, health is ignored and all serve; 0: never.
 */
export function createLoadBalancer(
  kind: LoadBalancing,
  endpoints: readonly EndpointState[],
  panicRatio: number,
): LoadBalancer {
  const candidates = new Candidates(endpoints, panicRatio)
  switch (kind) {
    case 'peak-ewma':
      return new PeakEwma(candidates)
    case 'least-request':
      return new LeastRequest(candidates)
    case 'round-robin':
      return new RoundRobin(candidates)
  }
}
