import type { LocalityPolicy } from '../../model/policy/load-balancing.ts'
import type { EndpointState } from '../endpoint-state.ts'
import { spread } from '../hashing/murmur3.ts'
import type { LoadBalancer, PickContext } from '../load-balancer.ts'
import type { PanicThreshold } from '../panic-threshold.ts'
import { nearness, type Nearness } from './zone.ts'
import { zoneLoads, type ZoneHealth } from './zone-loads.ts'

export type CreateBalancer = (endpoints: readonly EndpointState[]) => LoadBalancer

interface Zone {
  readonly nearness: Nearness
  readonly endpoints: readonly EndpointState[]
  readonly balancer: LoadBalancer
}

/** Chooses a zone by {@link zoneLoads}, then an endpoint in it. A panic knows no zones. */
export class LocalityBalancer implements LoadBalancer {
  readonly #zones: readonly Zone[]
  readonly #everywhere: LoadBalancer
  readonly #panic: PanicThreshold
  readonly #policy: LocalityPolicy
  #version = -1
  #loads: readonly number[] = []

  /** @param endpoints those that carry weight, one at least. */
  constructor(
    policy: LocalityPolicy,
    endpoints: readonly EndpointState[],
    panic: PanicThreshold,
    create: CreateBalancer,
  ) {
    this.#policy = policy
    this.#panic = panic
    this.#everywhere = create(endpoints)
    const byZone = Map.groupBy(endpoints, ({ endpoint }) => endpoint.zone)
    this.#zones = [...byZone]
      .map(([zone, members]) => ({
        nearness: nearness(zone, policy.zone),
        endpoints: members,
        balancer: create(members),
      }))
      .toSorted((a, b) => a.nearness - b.nearness)
  }

  pick(context: PickContext): EndpointState | undefined {
    if (this.#panic.isPanicking()) return this.#everywhere.pick(context)
    const chosen = this.#zones[this.#choose(context)]
    return chosen?.balancer.pick(context) ?? this.#nearest(context)
  }

  /** Of the zones in the order of their nearness. */
  #nearest(context: PickContext): EndpointState | undefined {
    for (const { balancer } of this.#zones) {
      const picked = balancer.pick(context)
      if (picked !== undefined) return picked
    }
    return undefined
  }

  /** A key keeps its zone. */
  #choose({ hash, random }: PickContext): number {
    const loads = this.#currentLoads()
    let point = hash === undefined ? random() : spread(hash) / 2 ** 32
    for (let index = 0; index < loads.length; index++) {
      point -= loads[index] ?? 0
      if (point < 0) return index
    }
    return 0
  }

  #currentLoads(): readonly number[] {
    const version = this.#zones[0]?.endpoints[0]?.availability.version ?? 0
    if (version === this.#version) return this.#loads
    this.#version = version
    this.#loads = zoneLoads(this.#zones.map(healthOf), {
      overprovisioning: this.#policy.overprovisioning,
      fairShare: this.#policy.mode === 'zone-aware',
    })
    return this.#loads
  }
}

/** Whether zones are to count among these endpoints. */
export function isLocal(
  { mode, zone, minEndpoints }: LocalityPolicy,
  endpoints: readonly EndpointState[],
): boolean {
  const [first] = endpoints
  if (endpoints.every(state => state.endpoint.zone === first?.endpoint.zone)) return false
  if (mode === 'zone-first') return true
  return (
    endpoints.length >= minEndpoints && endpoints.some(({ endpoint }) => endpoint.zone === zone)
  )
}

/** A zone's share is that of its endpoints as they are configured: one that warms up counts in full. */
function healthOf({ nearness: near, endpoints }: Zone): ZoneHealth {
  let weight = 0
  let availableWeight = 0
  for (const state of endpoints) {
    weight += state.endpoint.weight
    if (state.available) availableWeight += state.endpoint.weight
  }
  return { nearness: near, weight, availableWeight }
}
