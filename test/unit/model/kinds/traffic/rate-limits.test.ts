import t from 'tap'
import { rateLimits } from '../../../../../src/model/kinds/traffic/rate-limits.ts'
import { trafficPolicyKind } from '../../../../../src/model/kinds/traffic-policy.ts'
import { checkFaults, checkTaken } from '../../schemas.ts'

const policy = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'TrafficPolicy',
  metadata: { name: 'orders' },
  spec: { targetRef: { name: 'orders' }, rateLimits: [{ requests: 1 }] },
}
const limit = 'spec.rateLimits.0'

t.test('a number is enough: so many a second, of all callers together', async t => {
  t.match(rateLimits.parse([{ requests: 5 }]), [{ requests: 5, per: 1000, key: 'none' }])
})

t.test('every field has its bounds', async t => {
  checkFaults(t, trafficPolicyKind, policy, [
    [`${limit}.requests`, 0, />=1/],
    [`${limit}.requests`, 1e9, /<=10000000/],
    [`${limit}.per`, '0s', /longer than 0s/],
    [`${limit}.burst`, 0, />=1/],
    [`${limit}.key`, 'ip', /none, caller, or an object with a header/],
    [`${limit}.match.methods`, [], />=1/],
    [`${limit}.match.paths.0`, 'a', /must start with/],
    [
      `${limit}.match.headers.0`,
      { name: 'x', values: [] },
      />=1/,
      `${limit}.match.headers.0.values`,
    ],
    [`${limit}.overrides`, [{ caller: 'a', requests: 1 }], /set `key: caller`/],
  ])
  checkTaken(t, trafficPolicyKind, policy, [
    [`${limit}.key`, { header: 'X-Tenant' }],
    [
      limit,
      { requests: 1, key: 'caller', overrides: [{ caller: '*/sa/a', requests: 1, burst: 3 }] },
    ],
    [
      `${limit}.match`,
      { methods: ['GET'], paths: ['/a*'], headers: [{ name: 'a', values: ['*'] }] },
    ],
  ])
})
