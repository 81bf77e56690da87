import t from 'tap'
import { loadBalancingPolicies } from '../../../src/model/policy/load-balancing.ts'
import { balancerOf, endpointStates, seededRandom, tally } from './endpoint-states.ts'

for (const kind of loadBalancingPolicies) {
  const context = (changes: object = {}) => ({ now: 0, random: seededRandom(1), ...changes })

  t.test(`${kind}: an endpoint on probation has one request at a time`, async t => {
    const states = endpointStates(1, 1)
    const [probed] = states
    if (probed === undefined) throw new Error('there must be one')
    probed.onProbation = true
    const balancer = balancerOf(kind, states)
    const shared = context()
    const picks = () => tally(Array.from({ length: 40 }, () => balancer.pick(shared)))
    t.ok((picks()['e0'] ?? 0) > 0, 'it is asked')
    probed.active = 1
    t.strictSame(picks(), { e1: 40 })
    probed.active = 0
    t.ok((picks()['e0'] ?? 0) > 0, 'it is asked again')
  })

  t.test(`${kind}: on probation it gets more where there is nobody else`, async t => {
    const [only] = endpointStates(1)
    if (only === undefined) throw new Error('there must be one')
    Object.assign(only, { onProbation: true, active: 3 })
    t.equal(balancerOf(kind, [only]).pick(context()), only)
    t.equal(balancerOf(kind, [only]).pick(context({ tried: [only] })), only)
  })

  t.test(`${kind}: an unhealthy endpoint is never a way out`, async t => {
    const states = endpointStates(1, 1)
    for (const state of states) state.healthy = false
    const balancer = balancerOf(kind, states, 0)
    t.equal(balancer.pick(context()), undefined)
    t.equal(balancer.pick(context({ tried: states })), undefined)
  })
}
