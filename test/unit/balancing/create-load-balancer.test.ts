import t from 'tap'
import { loadBalancingPolicies } from '../../../src/model/policy/load-balancing.ts'
import { balancerOf, endpointStates, seededRandom, tally } from './endpoint-states.ts'

// Those that hash go by chance where a request has no key.
const kinds = loadBalancingPolicies

for (const kind of kinds) {
  const context = () => ({ now: 0, random: seededRandom(1) })
  const picks = (count: number, states: ReturnType<typeof endpointStates>, panicRatio: number) => {
    const balancer = balancerOf(kind, states, panicRatio)
    const shared = context()
    return tally(Array.from({ length: count }, () => balancer.pick(shared)))
  }

  t.test(`${kind}: an empty cluster yields nothing`, async t => {
    t.equal(balancerOf(kind, [], 0.3).pick(context()), undefined)
  })

  t.test(`${kind}: a single endpoint takes everything`, async t => {
    t.strictSame(picks(20, endpointStates(1), 0.3), { e0: 20 })
  })

  t.test(`${kind}: weight 0 takes nothing, also when all others are down`, async t => {
    const states = endpointStates(1, 0)
    t.strictSame(picks(20, states, 0.3), { e0: 20 })
    for (const state of states.slice(0, 1)) state.healthy = false
    t.strictSame(picks(20, states, 0), { none: 20 })
  })

  t.test(`${kind}: equal idle endpoints share evenly`, async t => {
    const counts = picks(4000, endpointStates(1, 1, 1, 1), 0.3)
    for (const id of ['e0', 'e1', 'e2', 'e3'])
      t.ok(Math.abs((counts[id] ?? 0) - 1000) < 120, `${id}: ${counts[id]}`)
  })

  t.test(`${kind}: idle endpoints share by weight`, async t => {
    const counts = picks(4000, endpointStates(3, 1), 0.3)
    t.ok(Math.abs((counts['e0'] ?? 0) - 3000) < 120, `e0: ${counts['e0']}`)
  })

  t.test(`${kind}: endpoints that are unhealthy or ejected are left out`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    if (states[1]) states[1].healthy = false
    if (states[2]) states[2].ejected = true
    const counts = picks(2000, states, 0.3)
    t.strictSame(Object.keys(counts).toSorted(), ['e0', 'e3'])
    t.ok(Math.abs((counts['e0'] ?? 0) - 1000) < 120, `e0: ${counts['e0']}`)
  })

  t.test(`${kind}: below the panic ratio all endpoints serve`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    for (const state of states.slice(1)) state.ejected = true
    t.strictSame(Object.keys(picks(400, states, 0.3)).toSorted(), ['e0', 'e1', 'e2', 'e3'])
    t.strictSame(picks(400, states, 0.25), { e0: 400 }, 'at the ratio there is no panic')
  })

  t.test(`${kind}: panic spreads the load evenly over all`, async t => {
    const states = endpointStates(1, 1, 1, 1)
    for (const state of states.slice(1)) state.ejected = true
    const counts = picks(4000, states, 0.3)
    for (const id of ['e0', 'e1', 'e2', 'e3'])
      t.ok(Math.abs((counts[id] ?? 0) - 1000) < 120, `${id}: ${counts[id]}`)
  })

  t.test(`${kind}: with a panic ratio of 0 nobody serves when all are down`, async t => {
    const states = endpointStates(1, 1)
    for (const state of states) state.healthy = false
    t.strictSame(picks(10, states, 0), { none: 10 })
  })

  t.test(`${kind}: a tried endpoint is avoided while there is another`, async t => {
    const states = endpointStates(1, 1, 1)
    const balancer = balancerOf(kind, states, 0.3)
    const random = seededRandom(1)
    const retry = tally(
      Array.from({ length: 200 }, () =>
        balancer.pick({ now: 0, random, tried: states.slice(0, 2) }),
      ),
    )
    t.strictSame(retry, { e2: 200 })
    const spent = tally(
      Array.from({ length: 200 }, () => balancer.pick({ now: 0, random, tried: states })),
    )
    t.strictSame(Object.keys(spent).toSorted(), ['e0', 'e1', 'e2'])
  })

  t.test(
    `${kind}: an ejected endpoint is taken rather than a tried one, then a tried one`,
    async t => {
      const states = endpointStates(1, 1)
      const [failed, ejected] = states
      if (ejected) ejected.ejected = true
      const balancer = balancerOf(kind, states, 0.3)
      t.equal(balancer.pick(context()), failed)
      t.equal(balancer.pick({ ...context(), tried: states.slice(0, 1) }), ejected)
      t.equal(balancer.pick({ ...context(), tried: states }), failed)
    },
  )

  t.test(`${kind}: a tried endpoint is taken again rather than an unhealthy one`, async t => {
    const states = endpointStates(1, 1)
    if (states[1]) states[1].healthy = false
    const balancer = balancerOf(kind, states, 0.3)
    const picked = balancer.pick({ ...context(), tried: states.slice(0, 1) })
    t.equal(picked?.endpoint.id, 'e0')
  })
}
