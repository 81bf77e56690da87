/** How near an endpoint's zone is to the caller's: 0 the same, 1 of the same region, 2 elsewhere or not known. */
export type Nearness = 0 | 1 | 2

export function nearness(zone: string | undefined, callers: string): Nearness {
  if (zone === callers) return 0
  const region = regionOf(callers)
  return region !== undefined && zone !== undefined && regionOf(zone) === region ? 1 : 2
}

/**
 * `eu` of `eu/eu-1` (a locality as Istio writes it), `eu-west-1` of `eu-west-1a` (AWS), `europe-west1` of `europe-west1-b`
 * (Google), `westeurope` of `westeurope-1` (Azure). Undefined: the zone's name does not tell.
 */
export function regionOf(zone: string): string | undefined {
  const slash = zone.indexOf('/')
  if (slash > 0) return zone.slice(0, slash)
  return /^(.*[0-9])[a-z]$/.exec(zone)?.[1] ?? /^(.+)-[a-z0-9]+$/.exec(zone)?.[1]
}
