import type { Endpoint } from '../../../model/endpoint.ts'
import { isLabelled } from '../../../model/labels.ts'
import type { TrafficPolicyResource } from '../../../model/kinds/traffic-policy.ts'

export type SubsetFields = NonNullable<
  NonNullable<TrafficPolicyResource['spec']['loadBalancing']>['subset']
>

/**
 * The endpoints that have the labels which a policy wants, or all where none has and it falls back. Each keeps the one
 * label by which sidecars choose, and no others: a snapshot is no inventory.
 */
export function selectSubset(
  endpoints: readonly Endpoint[],
  subset: SubsetFields | undefined,
): Endpoint[] {
  const chosen = endpoints.filter(({ labels = {} }) => isLabelled(labels, subset?.labels ?? {}))
  const kept = chosen.length === 0 && subset?.fallback === 'any' ? endpoints : chosen
  const label = subset?.byHeader?.label
  return kept.map(endpoint => withLabel(endpoint, label))
}

function withLabel({ labels = {}, ...endpoint }: Endpoint, label: string | undefined): Endpoint {
  const value = label !== undefined && Object.hasOwn(labels, label) ? labels[label] : undefined
  if (label === undefined || value === undefined) return endpoint
  return { ...endpoint, labels: { [label]: value } }
}
