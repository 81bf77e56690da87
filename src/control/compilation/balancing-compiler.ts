import type { Cluster } from '../../model/cluster.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import type { TrafficPolicyResource } from '../../model/kinds/traffic-policy.ts'
import {
  isHashing,
  type HashSource,
  type LocalityPolicy,
  type SlowStartPolicy,
  type SubsetPolicy,
} from '../../model/policy/load-balancing.ts'

type Fields = NonNullable<TrafficPolicyResource['spec']['loadBalancing']>

/** What a policy says of the choice of endpoints. Zones come in by {@link localityFor}. */
export function compileBalancing(
  given: Fields = { policy: 'peak-ewma' },
): Pick<Cluster, 'loadBalancing' | 'choices' | 'hashOn' | 'tableSize' | 'slowStart' | 'subset'> {
  const { policy, choices, hashOn, tableSize, slowStart, subset } = given
  const byHeader = subset && compileSubset(subset)
  return {
    loadBalancing: policy,
    ...(choices !== undefined && { choices }),
    ...(hashOn !== undefined && { hashOn: hashOn.map(compileHashSource) }),
    ...(tableSize !== undefined && { tableSize }),
    ...(slowStart !== undefined && { slowStart: compileSlowStart(slowStart) }),
    ...(byHeader !== undefined && { subset: byHeader }),
  }
}

/**
 * What a caller of the zone is to make of it. Undefined: zones make no difference to it, as for policies that hash unless
 * they are asked for: a key would be at another endpoint for the callers of each zone.
 */
export function localityFor(
  { loadBalancing }: Pick<Cluster, 'loadBalancing'>,
  endpoints: readonly Endpoint[],
  zone: string | undefined,
  given: Fields['locality'],
): LocalityPolicy | undefined {
  if (given === undefined && isHashing(loadBalancing)) return undefined
  const { mode = 'zone-aware', overprovisioning = 1.4, minEndpoints = 6 } = given ?? {}
  if (zone === undefined || mode === 'off') return undefined
  const [first] = endpoints
  if (endpoints.every(endpoint => endpoint.zone === first?.zone)) return undefined
  return { mode, zone, overprovisioning, minEndpoints }
}

function compileHashSource(source: NonNullable<Fields['hashOn']>[number]): HashSource {
  const { header, cookie, query } = source
  if (header !== undefined) return { kind: 'header', name: header }
  if (query !== undefined) return { kind: 'query', name: query }
  if (cookie === undefined) return { kind: 'source', name: '' }
  const { name, ttl } = cookie
  return { kind: 'cookie', name, ...(ttl !== undefined && { ttlMs: ttl }) }
}

function compileSlowStart({
  window,
  minPercent,
  aggression,
}: NonNullable<Fields['slowStart']>): SlowStartPolicy {
  return { windowMs: window, minRatio: minPercent / 100, aggression }
}

function compileSubset({
  byHeader,
  fallback,
}: NonNullable<Fields['subset']>): SubsetPolicy | undefined {
  if (byHeader === undefined) return undefined
  return { header: byHeader.header, label: byHeader.label, fallback }
}
