import t from 'tap'
import { balancerOf, endpointStates, seededRandom, tally } from '../endpoint-states.ts'

for (const policy of ['ring-hash', 'maglev'] as const) {
  const random = seededRandom(1)

  t.test(`${policy}: a key goes to one endpoint, different keys to all`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    const balancer = balancerOf(policy, states)
    const pick = (hash: number) => balancer.pick({ now: 0, random, hash })
    t.equal(new Set(Array.from({ length: 50 }, () => pick(12_345))).size, 1)
    const keys = Array.from({ length: 400 }, (_, key) => pick(Math.imul(key, 0x9e3779b1) >>> 0))
    t.strictSame(Object.keys(tally(keys)).toSorted(), ['e0', 'e1', 'e2', 'e3'])
  })

  t.test(`${policy}: a retry goes to another endpoint, for a key always to the same`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    const balancer = balancerOf(policy, states)
    const first = balancer.pick({ now: 0, random, hash: 99 })
    const tried = first === undefined ? [] : [first]
    const retries = new Set(
      Array.from({ length: 20 }, () => balancer.pick({ now: 0, random, hash: 99, tried })),
    )
    t.equal(retries.size, 1)
    t.not([...retries][0], first)
  })

  t.test(`${policy}: of a panic keys take no notice`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    const balancer = balancerOf(policy, states, 0.5)
    const pick = (key: number) => balancer.pick({ now: 0, random, hash: key * 0x1000_0001 })
    const before = Array.from({ length: 16 }, (_, key) => pick(key))
    for (const state of states.slice(1)) state.healthy = false
    t.strictSame(
      Array.from({ length: 16 }, (_, key) => pick(key)),
      before,
    )
  })
}

t.test(
  'an endpoint too light for a place in the table serves when all others are down',
  async t => {
    const states = endpointStates(1_000_000, 1)
    const balancer = balancerOf('maglev', states, 0, { tableSize: 1021 })
    if (states[0]) states[0].healthy = false
    const picked = balancer.pick({ now: 0, random: seededRandom(1), hash: 5 })
    t.equal(picked?.endpoint.id, 'e1')
  },
)
