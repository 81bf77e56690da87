import t from 'tap'
import { SlowStart, slowStartRatio } from '../../../src/balancing/slow-start.ts'
import { balancerOf, endpointStates, seededRandom, tally } from './endpoint-states.ts'

const policy = { windowMs: 10_000, minRatio: 0.1, aggression: 1 }

t.test(
  'the share grows as Envoy has it: max(minimum, (age / window) ^ (1 / aggression))',
  async t => {
    t.equal(slowStartRatio(policy, 0), 0.1)
    t.equal(slowStartRatio(policy, 500), 0.1)
    t.equal(slowStartRatio(policy, 5000), 0.5)
    t.equal(slowStartRatio(policy, 10_000), 1)
    t.equal(slowStartRatio(policy, 99_999), 1)
    t.equal(slowStartRatio({ ...policy, aggression: 2 }, 2500), 0.5)
    t.equal(slowStartRatio(policy, -1), 0.1)
  },
)

t.test('weights follow, and are whole again when the window is over', async t => {
  const states = endpointStates(4, 4)
  const [fresh] = states
  if (fresh === undefined) throw new Error('there must be one')
  fresh.joinedAt = 1000
  const slowStart = new SlowStart(policy, states)
  slowStart.advance(1000)
  t.equal(fresh.weight, 0.4)
  slowStart.advance(1050)
  t.equal(fresh.weight, 0.4, 'not every request is worth it')
  slowStart.advance(6000)
  t.equal(fresh.weight, 2)
  t.equal(slowStart.isWarming, true)
  slowStart.advance(11_000)
  t.equal(fresh.weight, 4)
  t.equal(fresh.joinedAt, undefined)
  t.equal(slowStart.isWarming, false)
  t.equal(states[1]?.weight, 4)
})

for (const kind of ['peak-ewma', 'least-request', 'round-robin', 'random'] as const)
  t.test(`${kind}: a new endpoint gets its share by its age`, async t => {
    const states = endpointStates(1, 1, 1)
    if (states[0]) states[0].joinedAt = 0
    const balancer = balancerOf(kind, states, 0.3, { slowStart: policy })
    const random = seededRandom(1)
    const shareAt = (now: number): number =>
      (tally(Array.from({ length: 4000 }, () => balancer.pick({ now, random })))['e0'] ?? 0) / 4000
    const close = (share: number, wanted: number): boolean => Math.abs(share - wanted) < 0.03
    t.ok(close(shareAt(0), 0.1 / 2.1))
    t.ok(close(shareAt(5000), 0.5 / 2.5))
    t.ok(close(shareAt(10_000), 1 / 3))
  })

t.test(
  'a snapshot that changes the weight of a warming endpoint lets it warm up all the same',
  async t => {
    const [state] = endpointStates(1)
    if (state === undefined) throw new Error('there must be one')
    state.joinedAt = 0
    const slowStart = new SlowStart(policy, [state])
    slowStart.advance(0)
    state.endpoint = { ...state.endpoint, weight: 10 }
    t.equal(state.weight, 0.1)
    slowStart.advance(5000)
    t.equal(state.weight, 5)
  },
)
