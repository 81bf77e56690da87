import fc from 'fast-check'
import t from 'tap'
import { createLoadBalancer } from '../../src/balancing/create-load-balancer.ts'
import type { EndpointState } from '../../src/balancing/endpoint-state.ts'
import type { LoadBalancing } from '../../src/model/cluster.ts'
import { endpointStates, seededRandom } from '../unit/balancing/endpoint-states.ts'

const kind = fc.constantFrom<LoadBalancing>('peak-ewma', 'least-request', 'round-robin')
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
        const balancer = createLoadBalancer(name, states, panicRatio)
        const avoid = states.filter((_, index) => tried.includes(index))
        const weighty = states.filter(state => state.endpoint.weight > 0)
        const available = weighty.filter(state => state.available)
        const panic = available.length < panicRatio * weighty.length
        if (panic) panics++
        const allowed = panic ? weighty : available
        const isFresh = (state: EndpointState): boolean => !avoid.includes(state)
        const fresh = allowed.filter(isFresh)
        const ejected = weighty.filter(state => state.healthy && isFresh(state))
        const context = { now: 1000, random: seededRandom(start), tried: avoid }
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
        const balancer = createLoadBalancer('round-robin', states, 0.3)
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
        const balancer = createLoadBalancer(name, states, 0.3)
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
