/** How one endpoint of several is chosen. `ring-hash` and `maglev` keep a key at its endpoint, see {@link HashSource}. */
export const loadBalancingPolicies = [
  'peak-ewma',
  'least-request',
  'round-robin',
  'random',
  'ring-hash',
  'maglev',
] as const

export type LoadBalancing = (typeof loadBalancingPolicies)[number]

/** Those that choose by a key of the request. */
export function isHashing(policy: LoadBalancing): policy is 'ring-hash' | 'maglev' {
  return policy === 'ring-hash' || policy === 'maglev'
}

/** Random draws of which `peak-ewma` and `least-request` take the best. */
export const choiceBounds = { least: 2, most: 10 } as const

/** Slots of a Maglev table (a prime), and points of a ring. */
export const tableBounds = { least: 1021, most: 1_048_573 } as const

/** With any other number of slots a Maglev table could not be filled. None beyond {@link tableBounds} is looked at. */
export function isPrime(value: number): boolean {
  if (value > tableBounds.most) return false
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false
  return value > 1
}

/**
 * Where a request's key comes from. Of several the first that the request has counts, as if all of Envoy's hash
 * policies were terminal; a request that has none goes anywhere.
 */
export interface HashSource {
  /** `source`: the address that the caller's connection comes from. */
  readonly kind: 'header' | 'cookie' | 'query' | 'source'
  /** Of the header (lower-case), cookie or parameter; empty of `source`. */
  readonly name: string
  /**
   * Of a cookie: a caller that has none is given one for so long, 0: until its session ends. Absent: it gets none, and
   * the next source counts (Envoy, RouteAction.HashPolicy.Cookie).
   */
  readonly ttlMs?: number
}

/** Envoy, "Slow start mode": an endpoint that joins others gets its share of traffic little by little. */
export interface SlowStartPolicy {
  readonly windowMs: number
  /** Share of its weight from which it begins, 0–1. Default 0.1. */
  readonly minRatio: number
  /** 1: the share grows evenly; more: faster at first. Default 1. */
  readonly aggression: number
}

/** Which zones a caller's requests go to. */
export interface LocalityPolicy {
  /**
   * `zone-aware`: the caller's zone, as far as it has its fair share of the endpoints. `zone-first`: the caller's zone,
   * however small.
   */
  readonly mode: 'zone-aware' | 'zone-first'
  /** The caller's. */
  readonly zone: string
  /** A zone keeps all of its traffic until less than 1 / this of it can serve. Default 1.4, as Envoy's. */
  readonly overprovisioning: number
  /** With fewer endpoints zones do not count; for `zone-aware`. Default 6, Envoy's `min_cluster_size`. */
  readonly minEndpoints: number
}

/** Sends a request to those endpoints whose label has the value of its header. Without the header all may serve it. */
export interface SubsetPolicy {
  /** Lower-case. */
  readonly header: string
  readonly label: string
  /** Where no endpoint of that value can serve. */
  readonly fallback: 'any' | 'none'
}
