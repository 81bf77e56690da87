import fc from 'fast-check'
import t from 'tap'
import type { EndpointState } from '../../src/balancing/endpoint-state.ts'
import { loadBalancingPolicies, type LoadBalancing } from '../../src/model/policy/load-balancing.ts'
import { balancerOf, endpointStates, seededRandom } from '../unit/balancing/endpoint-states.ts'

const kind = fc.constantFrom<LoadBalancing>(...loadBalancingPolicies)
const seed = fc.integer()

/** Endpoints in any state of weight, health and load. */
const cluster = fc
  .array(
    fc.record({
      weight: fc.integer({ min: 0, max: 3 }),
      healthy: fc.boolean(),
      ejected: fc.boolean(),
      active: fc.nat(5),
      latency: fc.option(fc.integer({ min: 1, max: 500 })),
    }),
    { maxLength: 8 },
  )
  .map(list => {
    const states = endpointStates(...list.map(({ weight }) => weight))
    list.forEach(({ healthy, ejected, active, latency }, index) => {
      const state = states[index]
      if (state === undefined) return
      Object.assign(state, { healthy, ejected, active })
      if (latency !== null) Object.assign(state, { ewmaMs: latency, ewmaAt: 0 })
    })
    return states
  })

t.test('a pick carries weight, and avoids who was tried before who is ejected', async t => {
  const panicRatio = 0.3
  let panics = 0
  fc.assert(
    fc.property(
      kind,
      cluster,
      fc.subarray([0, 1, 2, 3, 4, 5, 6, 7]),
      seed,
      (name, states, tried, start) => {
        const balancer = balancerOf(name, states, panicRatio)
        const avoid = states.filter((_, index) => tried.includes(index))
        const weighty = states.filter(state => state.endpoint.weight > 0)
        const available = weighty.filter(state => state.available)
        const panic = available.length < panicRatio * weighty.length
        if (panic) panics++
        const allowed = panic ? weighty : available
        const isFresh = (state: EndpointState): boolean => !avoid.includes(state)
        const fresh = allowed.filter(isFresh)
        const ejected = weighty.filter(state => state.healthy && isFresh(state))
        const context = { now: 1000, random: seededRandom(start), tried: avoid, hash: start >>> 0 }
        for (let i = 0; i < 5; i++) {
          const picked = balancer.pick(context)
          const [expected = []] = [fresh, ejected, allowed].filter(list => list.length > 0)
          if (picked === undefined ? expected.length > 0 : !expected.includes(picked)) return false
        }
        return true
      },
    ),
    { numRuns: 500 },
  )
  t.ok(panics > 10, `${panics} clusters were in panic`)
})

t.test('smooth round robin serves every endpoint exactly its weight in a cycle', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 8 }),
      weights => {
        const states = endpointStates(...weights)
        const balancer = balancerOf('round-robin', states, 0.3)
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const context = { now: 0, random: seededRandom(1) }
        for (let cycle = 0; cycle < 2; cycle++) {
          const counts = weights.map(() => 0)
          for (let i = 0; i < total; i++) {
            const index = states.indexOf(balancer.pick(context) as EndpointState)
            counts[index] = (counts[index] ?? 0) + 1
          }
          if (counts.some((count, index) => count !== weights[index])) return false
        }
        return true
      },
    ),
  )
  t.pass()
})

t.test('two choices keep requests in flight near the mean, whatever ends when', async t => {
  fc.assert(
    fc.property(
      fc.constantFrom<LoadBalancing>('peak-ewma', 'least-request'),
      fc.integer({ min: 2, max: 10 }),
      seed,
      (name, count, start) => {
        const states = endpointStates(...Array.from({ length: count }, () => 1))
        const balancer = balancerOf(name, states, 0.3)
        const random = seededRandom(start)
        const flying: EndpointState[] = []
        const context = { now: 0, random }
        for (let i = 0; i < 1000; i++) {
          const picked = balancer.pick(context)
          if (picked === undefined) return false
          picked.active++
          flying.push(picked)
          if (flying.length <= 20 * count) continue
          const [ended] = flying.splice(Math.floor(random() * flying.length), 1)
          if (ended) ended.active--
        }
        const mean = flying.length / count
        return states.every(state => Math.abs(state.active - mean) <= 8)
      },
    ),
    { numRuns: 60 },
  )
  t.pass()
})

t.test('of n endpoints two choices take the k-th best in n - k of n (n - 1) / 2 cases', async t => {
  const picks = 3000
  fc.assert(
    fc.property(
      fc.constantFrom<LoadBalancing>('peak-ewma', 'least-request'),
      fc.integer({ min: 2, max: 8 }),
      seed,
      (name, count, start) => {
        const states = endpointStates(...Array.from({ length: count }, () => 1))
        states.forEach((state, rank) => {
          if (name === 'least-request') state.active = rank
          else Object.assign(state, { ewmaMs: 1 + rank, ewmaAt: 0 })
        })
        const balancer = balancerOf(name, states)
        const context = { now: 0, random: seededRandom(start) }
        const counts = states.map(() => 0)
        for (let i = 0; i < picks; i++) {
          const index = states.indexOf(balancer.pick(context) as EndpointState)
          counts[index] = (counts[index] ?? 0) + 1
        }
        return counts.every((times, index) => {
          const share = (count - index - 1) / ((count * (count - 1)) / 2)
          // Six standard deviations of the binomial distribution.
          return Math.abs(times - picks * share) <= 6 * Math.sqrt(picks * share * (1 - share))
        })
      },
    ),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('more choices never make it worse', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 10 }), seed, (count, start) => {
      const shareOfBest = (choices: number): number => {
        const states = endpointStates(...Array.from({ length: count }, () => 1))
        for (const [rank, state] of states.entries()) state.active = rank
        const balancer = balancerOf('least-request', states, 0.3, { choices })
        const context = { now: 0, random: seededRandom(start) }
        const picked = Array.from({ length: 2000 }, () => balancer.pick(context))
        return picked.filter(state => state === states[0]).length / 2000
      }
      return shareOfBest(10) >= shareOfBest(2) && shareOfBest(4) >= shareOfBest(2)
    }),
    { numRuns: 30 },
  )
  t.pass()
})
