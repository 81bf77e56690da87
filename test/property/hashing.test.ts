import fc from 'fast-check'
import t from 'tap'
import type { EndpointState } from '../../src/balancing/endpoint-state.ts'
import { HashRing } from '../../src/balancing/hashing/hash-ring.ts'
import type { HashTable } from '../../src/balancing/hashing/hash-table.ts'
import { MaglevTable } from '../../src/balancing/hashing/maglev-table.ts'
import { murmur3, spread } from '../../src/balancing/hashing/murmur3.ts'
import { balancerOf, seededRandom, statesOf } from '../unit/balancing/endpoint-states.ts'

const size = 4099

/** Ids as they are in a mesh, and weights. */
const cluster = fc
  .uniqueArray(fc.nat(0xffff), { minLength: 2, maxLength: 20 })
  .chain(numbers =>
    fc.tuple(
      fc.constant(numbers),
      fc.array(fc.integer({ min: 1, max: 5 }), {
        minLength: numbers.length,
        maxLength: numbers.length,
      }),
    ),
  )
  .map(([numbers, weights]) =>
    statesOf(
      numbers.map((number, index) => ({
        id: `10.0.${number >> 8}.${number & 255}:15008`,
        weight: weights[index] ?? 1,
      })),
    ),
  )

function positionsOf(table: HashTable): Map<EndpointState | undefined, number> {
  const counts = new Map<EndpointState | undefined, number>()
  for (let position = 0; position < table.length; position++) {
    const state = table.at(position)
    counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  return counts
}

function ownersOf(table: HashTable, keys: number): (EndpointState | undefined)[] {
  return Array.from({ length: keys }, (_, key) => table.at(table.position(murmur3(`key ${key}`))))
}

t.test('a Maglev table gives every endpoint its share of slots, but for its last turn', async t => {
  fc.assert(
    fc.property(cluster, states => {
      const counts = positionsOf(new MaglevTable(states, size))
      const total = states.reduce((sum, { weight }) => sum + weight, 0)
      const heaviest = Math.max(...states.map(({ weight }) => weight))
      // Turns end within a round, in which each has at most one; the lighter ones may have one too few all along.
      return states.every(state => {
        const share = (size * state.weight) / total
        const slack = 1 + (states.length * state.weight) / heaviest
        return Math.abs((counts.get(state) ?? 0) - share) <= slack
      })
    }),
    { numRuns: 200 },
  )
  t.pass()
})

t.test('of equal weights no endpoint has two slots more than another (Maglev §3.4)', async t => {
  fc.assert(
    fc.property(cluster, states => {
      for (const state of states) state.endpoint = { ...state.endpoint, weight: 1 }
      const counts = [...positionsOf(new MaglevTable(states, size)).values()]
      return counts.length === states.length && Math.max(...counts) - Math.min(...counts) <= 1
    }),
    { numRuns: 200 },
  )
  t.pass()
})

t.test('the end of an endpoint moves few other keys of a Maglev table', async t => {
  let kept = 0
  let moved = 0
  fc.assert(
    fc.property(cluster, fc.nat(), (states, which) => {
      const gone = states[which % states.length]
      const before = ownersOf(new MaglevTable(states, size), 500)
      const left = states.filter(state => state !== gone)
      const after = ownersOf(new MaglevTable(left, size), 500)
      before.forEach((owner, key) => {
        if (owner === gone) return
        if (after[key] === owner) kept++
        else moved++
      })
    }),
    { numRuns: 200 },
  )
  t.ok(kept > 10_000)
  t.ok(moved / (kept + moved) < 0.05, `${moved} of ${kept + moved} moved`)
})

t.test('the end of an endpoint moves no key of a ring but its own', async t => {
  let compared = 0
  fc.assert(
    fc.property(cluster, fc.nat(), (states, which) => {
      const gone = states[which % states.length]
      const full = new HashRing(states)
      const less = new HashRing(states.filter(state => state !== gone))
      const points = positionsOf(less)
      const before = positionsOf(full)
      // The number of points doubles at few sizes of the list, and the weights are measured by the heaviest.
      if (states.some(state => state !== gone && points.get(state) !== before.get(state))) return
      compared++
      const after = ownersOf(less, 300)
      ownersOf(full, 300).forEach((owner, key) => {
        if (owner !== gone && after[key] !== owner) throw new Error(`key ${key} moved`)
      })
    }),
    { numRuns: 200 },
  )
  t.ok(compared > 60, `${compared} were compared`)
})

t.test('where a ring doubles its points, keys move to the new points alone', async t => {
  fc.assert(
    fc.property(cluster, states => {
      const small = new HashRing(states, 1024)
      const large = new HashRing(states, 8192)
      if (large.length <= small.length) return
      const before = ownersOf(small, 300)
      const kept = ownersOf(large, 300).filter((owner, key) => owner === before[key])
      // With eight times as many points a key keeps its point in one of eight cases, and its owner by chance as well.
      if (kept.length < 300 / 32) throw new Error(`${kept.length} of 300 stayed`)
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('a ring gives endpoints points by weight, as many as were asked for', async t => {
  fc.assert(
    fc.property(cluster, states => {
      const ring = new HashRing(states)
      const counts = positionsOf(ring)
      const heaviest = Math.max(...states.map(({ weight }) => weight))
      const most = Math.max(...counts.values())
      return (
        ring.length >= 1024 &&
        states.every(
          state => Math.abs((counts.get(state) ?? 0) - (most * state.weight) / heaviest) <= 1,
        )
      )
    }),
    { numRuns: 200 },
  )
  t.pass()
})

for (const policy of ['ring-hash', 'maglev'] as const)
  t.test(`${policy}: a key stays where it is while others come and go in health`, async t => {
    fc.assert(
      fc.property(
        cluster,
        fc.array(fc.tuple(fc.nat(19), fc.boolean()), { maxLength: 10 }),
        (states, changes) => {
          const balancer = balancerOf(policy, states, 0, { tableSize: size })
          const random = seededRandom(1)
          const pick = (key: number) => balancer.pick({ now: 0, random, hash: spread(key) })
          const home = Array.from({ length: 50 }, (_, key) => pick(key))
          for (const [index, healthy] of changes) {
            const state = states[index]
            if (state !== undefined) state.healthy = healthy
          }
          const someAreWell = states.some(state => state.healthy)
          home.forEach((owner, key) => {
            const now = pick(key)
            if (owner?.healthy === true ? now !== owner : (now?.healthy ?? false) !== someAreWell)
              throw new Error(`key ${key} is at ${now?.endpoint.id}, was at ${owner?.endpoint.id}`)
          })
        },
      ),
      { numRuns: 100 },
    )
    t.pass()
  })

t.test('random shares requests by weight', async t => {
  fc.assert(
    fc.property(cluster, fc.integer(), (states, seed) => {
      const balancer = balancerOf('random', states)
      const context = { now: 0, random: seededRandom(seed) }
      const picks = 4000
      const counts = new Map<EndpointState | undefined, number>()
      for (let i = 0; i < picks; i++) {
        const picked = balancer.pick(context)
        counts.set(picked, (counts.get(picked) ?? 0) + 1)
      }
      const total = states.reduce((sum, { weight }) => sum + weight, 0)
      return states.every(state => {
        const share = state.weight / total
        // Six standard deviations of the binomial distribution.
        const slack = 6 * Math.sqrt(picks * share * (1 - share))
        return Math.abs((counts.get(state) ?? 0) - picks * share) <= slack
      })
    }),
    { numRuns: 60 },
  )
  t.pass()
})
