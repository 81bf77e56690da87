import t from 'tap'
import type { Outcome } from '../../../../src/functions/placement/backend-breaker.ts'
import { PlacedBackends } from '../../../../src/functions/placement/placed-backends.ts'
import type { PlacementSettings } from '../../../../src/model/function/function-placement.ts'
import { byLatency, lambdaSettings, localSettings } from '../../../support/functions/placements.ts'

function setUp(overrides: Partial<PlacementSettings> = {}) {
  const clock = { now: 0 }
  const settings: PlacementSettings = {
    policy: { kind: 'failover' },
    homeRegion: 'eu-home',
    residency: ['eu-*'],
    encryption: undefined,
    requireEncryption: 'never',
    backends: [localSettings('here'), lambdaSettings('there', 'eu-west-1')],
    ...overrides,
  }
  const placed = new PlacedBackends({ settings, now: () => clock.now, random: () => 0 })
  const call = (outcome: Outcome, tried?: ReadonlySet<string>) => {
    const lease = placed.take(tried)
    if (lease.backend !== undefined) lease.settle({ outcome, ms: 10, bytes: 1 })
    return lease.backend
  }
  return { clock, placed, call }
}

t.test('calls go elsewhere while a backend fails, and come back when it is well', async t => {
  const { clock, placed, call } = setUp()
  for (let number = 0; number < 5; number++) t.equal(call('failure'), 'here')
  t.equal(placed.breakerState('here'), 'open')
  t.equal(call('success'), 'there')
  clock.now = 5000
  t.equal(call('success'), 'here')
  t.equal(placed.breakerState('here'), 'closed')
})

t.test('while a probe is under way the others go elsewhere', async t => {
  const { clock, placed, call } = setUp()
  for (let number = 0; number < 5; number++) call('failure')
  clock.now = 5000
  const probe = placed.take()
  t.equal(probe.backend, 'here')
  t.equal(call('success'), 'there')
})

t.test('a call does not return to where it has failed', async t => {
  const { placed, call } = setUp()
  t.equal(call('success', new Set(['here'])), 'there')
  const lease = placed.take(new Set(['here', 'there']))
  t.equal(lease.backend, undefined)
  t.match(lease.reason, 'here: tried')
})

t.test('a call that goes elsewhere moves nobody else', async t => {
  const { call } = setUp({ policy: byLatency })
  t.equal(call('success'), 'here')
  t.equal(call('success', new Set(['here'])), 'there')
  t.equal(call('success'), 'here')
})

t.test('nothing is given out that lies outside', async t => {
  const { placed } = setUp({ homeRegion: 'us-home', residency: ['eu-west-1'] })
  t.match(placed.take(), { backend: 'there', region: 'eu-west-1' })
  const none = setUp({ homeRegion: undefined, residency: ['us-*'] }).placed.take()
  t.equal(none.backend, undefined)
})

t.test('to explain changes nothing', async t => {
  const { clock, placed, call } = setUp()
  for (let number = 0; number < 5; number++) call('failure')
  clock.now = 5000
  t.match(placed.explain(), { choice: 'here', candidates: [{ breaker: 'half-open' }, {}] })
  t.match(placed.explain(), { choice: 'here' })
  t.equal(placed.breakerState('here'), 'half-open')
  t.equal(placed.breakerState('unknown'), undefined)
})
