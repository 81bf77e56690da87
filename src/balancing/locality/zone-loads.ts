import type { Nearness } from './zone.ts'

/** The endpoints of one zone. */
export interface ZoneHealth {
  readonly nearness: Nearness
  /** Of all of them; more than 0. */
  readonly weight: number
  /** Of those that can serve. */
  readonly availableWeight: number
}

export interface ZoneLoadOptions {
  /** As of a locality policy. */
  readonly overprovisioning: number
  /** The caller's zone gets no more than its endpoints would get if all zones had as many callers. */
  readonly fairShare: boolean
}

/**
 * Shares of the requests for each zone, 1 together, or 0 where nobody can serve.
 *
 * Envoy's arithmetic of priorities ("Priority levels"): zones of one nearness are a level, whose health is the share of
 * it that can serve, times the overprovisioning, at most 1. The nearest level takes as much as its health says, the
 * next of what is left, and so on; when all together are not well, they take parts in proportion. Within a level zones
 * share by what they have.
 *
 * With `fairShare` also Envoy's of zone-aware routing: of N zones one with less than 1/N of the endpoints keeps as much
 * as fits, and what does not fit goes to zones that have more than 1/N, by how much more they have.
 */
export function zoneLoads(
  zones: readonly ZoneHealth[],
  { overprovisioning, fairShare }: ZoneLoadOptions,
): number[] {
  const levels = ([0, 1, 2] as const).map(nearness => levelOf(zones, nearness))
  const healths = levels.map(level =>
    level.weight === 0 ? 0 : Math.min(1, (overprovisioning * level.available) / level.weight),
  )
  const total = Math.min(1, sum(healths))
  if (total === 0) return zones.map(() => 0)
  let left = 1
  const shares = healths.map(health => {
    const share = Math.min(left, health / total)
    left -= share
    return share
  })
  const loads = zones.map(({ nearness, availableWeight }) => {
    const available = levels[nearness]?.available ?? 0
    return available === 0 ? 0 : ((shares[nearness] ?? 0) * availableWeight) / available
  })
  return fairShare ? withFairShare(zones, loads) : loads
}

function withFairShare(zones: readonly ZoneHealth[], loads: readonly number[]): number[] {
  const own = zones.findIndex(({ nearness }) => nearness === 0)
  const total = sum(zones.map(({ weight }) => weight))
  const fair = ((zones[own]?.weight ?? 0) / total) * zones.length
  const excess = (loads[own] ?? 0) - fair
  if (own < 0 || excess <= 0) return [...loads]
  const others = zones.map((zone, index) => (index === own ? 0 : zone.availableWeight))
  const surpluses = zones.map((zone, index) => {
    const surplus = Math.max(0, zone.weight / total - 1 / zones.length)
    return ((others[index] ?? 0) / zone.weight) * surplus
  })
  // Where those that have more are down it is better that somebody serves than that it is fair.
  const takers = sum(surpluses) > 0 ? surpluses : others
  const taken = sum(takers)
  if (taken === 0) return [...loads]
  return loads.map((load, index) =>
    index === own ? fair : load + (excess * (takers[index] ?? 0)) / taken,
  )
}

function levelOf(zones: readonly ZoneHealth[], nearness: Nearness) {
  const own = zones.filter(zone => zone.nearness === nearness)
  return {
    weight: sum(own.map(zone => zone.weight)),
    available: sum(own.map(zone => zone.availableWeight)),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
