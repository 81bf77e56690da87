import fc from 'fast-check'
import t from 'tap'
import type { EndpointState } from '../../src/balancing/endpoint-state.ts'
import { zoneLoads, type ZoneHealth } from '../../src/balancing/locality/zone-loads.ts'
import { loadBalancingPolicies } from '../../src/model/policy/load-balancing.ts'
import { balancerOf, seededRandom, statesOf } from '../unit/balancing/endpoint-states.ts'

const zone = (nearness: 0 | 1 | 2): fc.Arbitrary<ZoneHealth> =>
  fc
    .tuple(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([weight, share]) => ({
      nearness,
      weight,
      availableWeight: Math.round(weight * share),
    }))

/** The caller's zone, and any number of others. */
const zones = fc
  .tuple(
    fc.option(zone(0)),
    fc.array(zone(1), { maxLength: 4 }),
    fc.array(zone(2), { maxLength: 4 }),
  )
  .map(([own, near, far]) => [...(own === null ? [] : [own]), ...near, ...far])
  .filter(list => list.length > 0)

const overprovisioning = fc.constantFrom(1, 1.4, 2)
const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

t.test('loads are all of the traffic, or nothing where nobody can serve', async t => {
  fc.assert(
    fc.property(zones, overprovisioning, fc.boolean(), (list, factor, fairShare) => {
      const loads = zoneLoads(list, { overprovisioning: factor, fairShare })
      const isServed = list.some(({ availableWeight }) => availableWeight > 0)
      return (
        close(sum(loads), isServed ? 1 : 0) &&
        loads.every(
          (load, index) => load >= 0 && (load === 0 || list[index]?.availableWeight !== 0),
        )
      )
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

/** The worked examples of Envoy's "Priority levels", in percent, with two and three levels. */
function envoyLoads(healthyPercent: readonly number[], factor: number): number[] {
  const health = healthyPercent.map(percent => Math.min(100, percent * factor))
  const normalized = Math.min(100, sum(health))
  const loads: number[] = []
  for (const level of health)
    loads.push(normalized === 0 ? 0 : Math.min(100 - sum(loads), (level * 100) / normalized))
  return loads
}

t.test('nearest zones fill as priorities of Envoy do', async t => {
  fc.assert(
    fc.property(zones, overprovisioning, (list, factor) => {
      const loads = zoneLoads(list, { overprovisioning: factor, fairShare: false })
      const levels = ([0, 1, 2] as const).map(nearness =>
        list.flatMap((each, index) => (each.nearness === nearness ? [{ ...each, index }] : [])),
      )
      const expected = envoyLoads(
        levels.map(level => {
          const weight = sum(level.map(each => each.weight))
          return weight === 0 ? 0 : (100 * sum(level.map(each => each.availableWeight))) / weight
        }),
        factor,
      )
      return levels.every((level, nearness) => {
        const load = sum(level.map(({ index }) => loads[index] ?? 0))
        return close(load * 100, expected[nearness] ?? 0)
      })
    }),
    { numRuns: 2000 },
  )
  // "Priority levels": P=0 at 71 % takes 100 %, at 50 % it takes 70 %, and 50 % beside 50 % take 70 and 30.
  t.ok(close(zoneLoads([at(0, 100, 72), at(2, 100, 100)], envoy)[0] ?? 0, 1))
  t.ok(close(zoneLoads([at(0, 100, 50), at(2, 100, 100)], envoy)[0] ?? 0, 0.7))
  t.ok(close(zoneLoads([at(0, 100, 25), at(2, 100, 25)], envoy)[0] ?? 0, 0.5))
})

const envoy = { overprovisioning: 1.4, fairShare: false }

function at(nearness: 0 | 1 | 2, weight: number, availableWeight: number): ZoneHealth {
  return { nearness, weight, availableWeight }
}

t.test(
  'with callers spread evenly no endpoint of a healthy cluster gets more than its share',
  async t => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 6 }),
        weights => {
          const total = sum(weights)
          // What each zone gets from the callers of all zones, of which each sends 1.
          const received = weights.map(() => 0)
          weights.forEach((_, own) => {
            const list = weights.map((weight, index) => at(index === own ? 0 : 2, weight, weight))
            const loads = zoneLoads(list, { overprovisioning: 1.4, fairShare: true })
            loads.forEach((load, index) => (received[index] = (received[index] ?? 0) + load))
          })
          return received.every((load, index) =>
            close(load, (weights.length * (weights[index] ?? 0)) / total),
          )
        },
      ),
      { numRuns: 500 },
    )
    t.pass()
  },
)

const names = ['eu-west-1a', 'eu-west-1b', 'us-east-1a', undefined]

t.test('whatever the policy, zones get what the formula says, of those who can serve', async t => {
  const picks = 2000
  fc.assert(
    fc.property(
      // What hashes goes by chance without a key; a round robin has no draws of its own.
      fc.constantFrom(...loadBalancingPolicies),
      fc.constantFrom('zone-aware' as const, 'zone-first' as const),
      fc.array(fc.record({ zone: fc.constantFrom(...names), healthy: fc.boolean() }), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.integer(),
      (policy, mode, list, seed) => {
        const states = statesOf(list.map(({ zone: name }) => (name ? { zone: name } : {})))
        list.forEach(({ healthy }, index) => {
          const state = states[index]
          if (state !== undefined) state.healthy = healthy
        })
        const own = names[0] ?? ''
        const locality = { mode, zone: own, overprovisioning: 1.4, minEndpoints: 1 }
        const balancer = balancerOf(policy, states, 0, { locality, tableSize: 1021 })
        const context = { now: 0, random: seededRandom(seed) }
        const counts = new Map<string | undefined, number>()
        for (let i = 0; i < picks; i++) {
          const picked = balancer.pick(context)
          if (picked !== undefined && !picked.healthy) return false
          if (picked === undefined) return states.every(state => !state.healthy)
          counts.set(picked.endpoint.zone, (counts.get(picked.endpoint.zone) ?? 0) + 1)
        }
        const expected = expectedShares(states, own, mode)
        return [...expected].every(([name, share]) => {
          const slack = 6 * Math.sqrt(picks * share * (1 - share)) + 1
          return Math.abs((counts.get(name) ?? 0) - picks * share) <= slack
        })
      },
    ),
    { numRuns: 150 },
  )
  t.pass()
})

function expectedShares(
  states: readonly EndpointState[],
  own: string,
  mode: 'zone-aware' | 'zone-first',
): Map<string | undefined, number> {
  const byZone = [...Map.groupBy(states, ({ endpoint }) => endpoint.zone)]
  const isKnown = mode === 'zone-first' || byZone.some(([name]) => name === own)
  const health = byZone.map(([name, members]) => {
    const near = name === own ? 0 : name === 'eu-west-1b' ? 1 : 2
    return at(near, members.length, members.filter(({ healthy }) => healthy).length)
  })
  const loads =
    isKnown && byZone.length > 1
      ? zoneLoads(health, { overprovisioning: 1.4, fairShare: mode === 'zone-aware' })
      : health.map(
          ({ availableWeight }) => availableWeight / sum(health.map(each => each.availableWeight)),
        )
  return new Map(byZone.map(([name], index) => [name, loads[index] ?? 0]))
}
