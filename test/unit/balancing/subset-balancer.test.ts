import t from 'tap'
import { maxSubsets } from '../../../src/balancing/subset-balancer.ts'
import type { SubsetPolicy } from '../../../src/model/policy/load-balancing.ts'
import { balancerOf, seededRandom, statesOf, tally } from './endpoint-states.ts'

const policy: SubsetPolicy = { header: 'x-version', label: 'version', fallback: 'none' }

function versions(...values: (string | undefined)[]) {
  return statesOf(values.map(version => (version === undefined ? {} : { labels: { version } })))
}

function picks(
  states: ReturnType<typeof statesOf>,
  subset: string | undefined,
  fallback: SubsetPolicy['fallback'] = 'none',
) {
  const balancer = balancerOf('random', states, 0, { subset: { ...policy, fallback } })
  const random = seededRandom(1)
  return Object.keys(
    tally(Array.from({ length: 100 }, () => balancer.pick({ now: 0, random, subset }))),
  ).toSorted()
}

t.test('a value leads to its endpoints, none to all', async t => {
  const states = versions('v1', 'v2', 'v2', undefined)
  t.strictSame(picks(states, 'v1'), ['e0'])
  t.strictSame(picks(states, 'v2'), ['e1', 'e2'])
  t.strictSame(picks(states, undefined), ['e0', 'e1', 'e2', 'e3'])
})

t.test('a value that nobody has leads nowhere, or to all', async t => {
  const states = versions('v1', 'v2')
  t.strictSame(picks(states, 'v3'), ['none'])
  t.strictSame(picks(states, 'v3', 'any'), ['e0', 'e1'])
})

t.test('so does one whose endpoints are all down', async t => {
  const states = versions('v1', 'v2')
  if (states[0]) states[0].healthy = false
  t.strictSame(picks(states, 'v1'), ['none'])
  t.strictSame(picks(states, 'v1', 'any'), ['e1'])
})

t.test('a retry stays with the value before it goes elsewhere', async t => {
  const states = versions('v1', 'v2')
  const balancer = balancerOf('random', states, 0, { subset: { ...policy, fallback: 'any' } })
  const random = seededRandom(1)
  const tried = states.slice(0, 1)
  t.equal(balancer.pick({ now: 0, random, subset: 'v1', tried }), states[0])
})

t.test('values beyond the bound are as unknown ones', async t => {
  const states = versions(...Array.from({ length: maxSubsets + 1 }, (_, value) => `v${value}`))
  t.strictSame(picks(states, `v${maxSubsets - 1}`), [`e${maxSubsets - 1}`])
  t.strictSame(picks(states, `v${maxSubsets}`), ['none'])
})
