import t from 'tap'
import { backendTrafficPolicyKind } from '../../../../../src/model/kinds/traffic/backend-traffic-policy.ts'
import { checkFaults } from '../../schemas.ts'

const policy = {
  apiVersion: 'gateway.networking.x-k8s.io/v1alpha1',
  kind: 'XBackendTrafficPolicy',
  metadata: { name: 'orders' },
  spec: { targetRefs: [{ group: '', kind: 'Service', name: 'orders' }], retryConstraint: {} },
}

t.test('what is left out is as GEP-3388 says', async t => {
  t.match(backendTrafficPolicyKind.parse(policy).spec.retryConstraint, {
    budget: { percent: 20, interval: 10_000 },
    minRetryRate: { count: 10, interval: 1000 },
  })
})

t.test('every field has its bounds', async t => {
  checkFaults(t, backendTrafficPolicyKind, policy, [
    ['spec.targetRefs', [], />=1/],
    ['spec.targetRefs.0.kind', 'ServiceImport', /must be Service/],
    ['spec.targetRefs.0.name', 'Orders', /lower-case/],
    ['spec.retryConstraint.budget.percent', 101, /<=100/],
    ['spec.retryConstraint.budget.interval', '999ms', /1s to 1h/],
    ['spec.retryConstraint.budget.interval', '2h', /1s to 1h/],
    ['spec.retryConstraint.minRetryRate.count', 0, />=1/],
    ['spec.retryConstraint.minRetryRate.interval', '0s', /longer than 0s/],
  ])
})
