import t from 'tap'
import { RoundRobin } from '../../../src/balancing/round-robin.ts'
import { candidatesOf, endpointStates, seededRandom } from './endpoint-states.ts'

const context = { now: 0, random: seededRandom(1) }

t.test('equal endpoints take turns in order', async t => {
  const balancer = new RoundRobin(candidatesOf(endpointStates(1, 1, 1)))
  const ids = Array.from({ length: 6 }, () => balancer.pick(context)?.endpoint.id)
  t.strictSame(ids, ['e0', 'e1', 'e2', 'e0', 'e1', 'e2'])
})

t.test("a heavy endpoint's turns are spread out", async t => {
  const balancer = new RoundRobin(candidatesOf(endpointStates(5, 1, 1)))
  const ids = Array.from({ length: 7 }, () => balancer.pick(context)?.endpoint.id)
  t.strictSame(ids, ['e0', 'e0', 'e1', 'e0', 'e2', 'e0', 'e0'])
})

t.test('a new balancer over the same endpoints goes on where the old one stood', async t => {
  const states = endpointStates(1, 1, 1)
  new RoundRobin(candidatesOf(states)).pick(context)
  t.equal(new RoundRobin(candidatesOf(states)).pick(context)?.endpoint.id, 'e1')
})
