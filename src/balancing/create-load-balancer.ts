import type { Cluster } from '../model/cluster.ts'
import { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import { ConsistentHash } from './hashing/consistent-hash.ts'
import { HashRing } from './hashing/hash-ring.ts'
import { MaglevTable } from './hashing/maglev-table.ts'
import { isLessBusy } from './least-request.ts'
import type { LoadBalancer } from './load-balancer.ts'
import { isLocal, LocalityBalancer } from './locality/locality-balancer.ts'
import { PanicThreshold } from './panic-threshold.ts'
import { isCheaper } from './peak-ewma.ts'
import { RandomBalancer } from './random-balancer.ts'
import { RandomChoices } from './random-choices.ts'
import { RelaxingBalancer } from './relaxing-balancer.ts'
import { RoundRobin } from './round-robin.ts'
import { SlowStart } from './slow-start.ts'
import { SubsetBalancer } from './subset-balancer.ts'

/** What of a cluster decides about the choice among its endpoints. */
export type BalancingPolicy = Pick<
  Cluster,
  'loadBalancing' | 'choices' | 'tableSize' | 'slowStart' | 'locality' | 'subset'
> & { readonly outlierDetection: Pick<Cluster['outlierDetection'], 'panicRatio'> }

/** From the outside in: subset, what is asked of endpoints, zone, endpoint. What is not configured is not there. */
export function createLoadBalancer(
  policy: BalancingPolicy,
  endpoints: readonly EndpointState[],
): LoadBalancer {
  const { subset, slowStart: slow } = policy
  // Those that it was taken from in the middle.
  if (slow === undefined) for (const state of endpoints) state.endWarming()
  const isWarming = endpoints.some(({ joinedAt }) => joinedAt !== undefined)
  const slowStart = slow !== undefined && isWarming ? new SlowStart(slow, endpoints) : undefined
  const create = (members: readonly EndpointState[]): LoadBalancer =>
    new RelaxingBalancer(createZoned(policy, members, slowStart), slowStart)
  return subset === undefined ? create(endpoints) : new SubsetBalancer(subset, endpoints, create)
}

function createZoned(
  policy: BalancingPolicy,
  endpoints: readonly EndpointState[],
  slowStart: SlowStart | undefined,
): LoadBalancer {
  const { locality, outlierDetection } = policy
  const panic = new PanicThreshold(endpoints, outlierDetection.panicRatio)
  const create = (members: readonly EndpointState[]): LoadBalancer =>
    createPlain(policy, new Candidates(members, panic, slowStart))
  const weighted = endpoints.filter(({ endpoint }) => endpoint.weight > 0)
  return locality !== undefined && isLocal(locality, weighted)
    ? new LocalityBalancer(locality, weighted, panic, create)
    : create(endpoints)
}

function createPlain(
  { loadBalancing, choices, tableSize }: BalancingPolicy,
  candidates: Candidates,
): LoadBalancer {
  switch (loadBalancing) {
    case 'peak-ewma':
      return new RandomChoices(candidates, isCheaper, choices)
    case 'least-request':
      return new RandomChoices(candidates, isLessBusy, choices)
    case 'round-robin':
      return new RoundRobin(candidates)
    case 'random':
      return new RandomBalancer(candidates)
    case 'ring-hash':
      return new ConsistentHash(candidates, all => new HashRing(all, tableSize))
    case 'maglev':
      return new ConsistentHash(candidates, all => new MaglevTable(all, tableSize))
  }
}
