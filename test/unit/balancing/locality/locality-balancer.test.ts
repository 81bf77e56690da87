import t from 'tap'
import type { LocalityPolicy } from '../../../../src/model/policy/load-balancing.ts'
import { balancerOf, seededRandom, statesOf, tally } from '../endpoint-states.ts'

const policy: LocalityPolicy = {
  mode: 'zone-aware',
  zone: 'a',
  overprovisioning: 1.4,
  minEndpoints: 6,
}

function statesIn(...zones: string[]) {
  return statesOf(zones.map(zone => ({ zone })))
}

function picks(
  states: ReturnType<typeof statesOf>,
  locality: LocalityPolicy,
  { panicRatio = 0.3, hash = undefined as number | undefined, tried = [] as typeof states } = {},
) {
  const balancer = balancerOf('peak-ewma', states, panicRatio, { locality })
  const random = seededRandom(1)
  return tally(
    Array.from({ length: 400 }, () =>
      balancer.pick({ now: 0, random, hash, tried: tried.length > 0 ? tried : undefined }),
    ),
  )
}

t.test('a zone that has its share keeps its requests', async t => {
  const counts = picks(statesIn('a', 'a', 'a', 'b', 'b', 'b'), policy)
  t.strictSame(Object.keys(counts).toSorted(), ['e0', 'e1', 'e2'])
})

t.test('of a small zone what is too much goes elsewhere', async t => {
  const counts = picks(statesIn('a', 'b', 'b', 'b', 'b', 'b', 'b', 'b'), policy)
  t.ok(Math.abs((counts['e0'] ?? 0) - 100) < 50, `2 zones × 1/8: a quarter; ${counts['e0']}`)
})

t.test('a small cluster, or a caller whose zone has no endpoint, knows no zones', async t => {
  t.equal(Object.keys(picks(statesIn('a', 'a', 'b', 'b', 'b'), policy)).length, 5)
  const elsewhere = picks(statesIn('b', 'b', 'b', 'c', 'c', 'c'), policy)
  t.equal(Object.keys(elsewhere).length, 6)
})

t.test('zone-first keeps requests in a zone of one', async t => {
  const first = { ...policy, mode: 'zone-first' } as const
  t.strictSame(picks(statesIn('a', 'b', 'b'), first), { e0: 400 })
})

t.test('a zone that fails hands over as much as its health says', async t => {
  const states = statesIn('a', 'a', 'a', 'a', 'b', 'b', 'b', 'b')
  for (const state of states.slice(0, 2)) state.ejected = true
  const counts = picks(states, policy)
  t.equal(counts['e0'], undefined)
  const local = (counts['e2'] ?? 0) + (counts['e3'] ?? 0)
  t.ok(Math.abs(local - 280) < 50, `1.4 × 50 %: 280 of 400; ${local}`)
})

t.test('what changes in health is seen by the next request', async t => {
  const states = statesIn('a', 'a', 'a', 'b', 'b', 'b')
  const balancer = balancerOf('round-robin', states, 0, { locality: policy })
  const pick = () => balancer.pick({ now: 0, random: () => 0 })
  t.equal(pick()?.endpoint.zone, 'a')
  for (const state of states.slice(0, 3)) state.healthy = false
  t.equal(pick()?.endpoint.zone, 'b')
  for (const state of states.slice(0, 3)) state.healthy = true
  t.equal(pick()?.endpoint.zone, 'a')
})

t.test('a panic spreads requests over all zones', async t => {
  const states = statesIn('a', 'a', 'a', 'b', 'b', 'b')
  for (const state of states.slice(1)) state.ejected = true
  t.equal(Object.keys(picks(states, policy, { panicRatio: 0.5 })).length, 6)
})

t.test('a retry leaves its zone when it has tried all of it, the nearest first', async t => {
  const states = statesIn('x-1a', 'y-1a', 'x-1b', 'y-1a')
  const locality = { ...policy, mode: 'zone-first', zone: 'x-1a' } as const
  const counts = picks(states, locality, { tried: states.slice(0, 1) })
  t.strictSame(counts, { e2: 400 })
})

t.test('a key keeps its zone', async t => {
  const states = statesIn('a', 'b', 'b', 'b', 'b', 'b', 'b', 'b')
  for (const hash of [1, 2 ** 31, 0xffff_ffff]) {
    const balancer = balancerOf('maglev', states, 0.3, { locality: policy, tableSize: 1021 })
    const random = seededRandom(1)
    const picked = Array.from({ length: 50 }, () => balancer.pick({ now: 0, random, hash }))
    t.equal(new Set(picked).size, 1)
  }
})
