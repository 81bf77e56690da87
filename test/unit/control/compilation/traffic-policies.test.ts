import t from 'tap'
import { TrafficPolicies } from '../../../../src/control/compilation/traffic-policies.ts'
import { configurationIn } from '../../model/configurations.ts'

const services = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { ports: [{ port: 80 }, { name: other, port: 81 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ group: '', kind: Service, name: orders }]
  rules: [{ name: read, backendRefs: [{ name: orders, port: 80 }] }]
`

function policy(name: string, targetRef: string, spec: string): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec: { targetRef: ${targetRef}, ${spec} }
`
}

function policies(...documents: string[]): TrafficPolicies {
  return new TrafficPolicies(configurationIn(services, ...documents))
}

t.test('the policy of a port comes before that of its Service', async t => {
  const found = policies(
    policy('all', '{ name: orders }', 'retry: { attempts: 1 }'),
    policy('one', '{ name: orders, port: 81 }', 'retry: { attempts: 4 }'),
  )
  t.equal(found.ofService('orders.default', 80)?.retry?.attempts, 1)
  t.equal(found.ofService('orders.default', 81)?.retry?.attempts, 4)
  t.equal(found.ofService('users.default', 80), undefined)
})

t.test('the policy of a rule is completed by that of its route', async t => {
  const found = policies(
    policy(
      'all',
      '{ kind: HTTPRoute, name: orders }',
      'retry: { attempts: 1, backoff: 5ms }, timeouts: { request: 1s }',
    ),
    policy('one', '{ kind: HTTPRoute, name: orders, sectionName: read }', 'retry: { attempts: 4 }'),
  )
  const rule = { kind: 'HTTPRoute', metadata: { name: 'orders', namespace: 'default' } }
  t.match(found.ofRule({ ...rule, rule: 'read' }), {
    retry: { attempts: 4, backoff: 5 },
    timeouts: { request: 1000 },
  })
  t.match(found.ofRule({ ...rule, rule: undefined }), { retry: { attempts: 1 } })
  t.equal(found.ofRule({ ...rule, kind: 'GRPCRoute', rule: 'read' }), undefined)
})

const budget = `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: { name: orders }
spec:
  targetRefs: [{ group: '', kind: Service, name: orders }]
  retryConstraint:
    budget: { percent: 5, interval: 30s }
    minRetryRate: { count: 90, interval: 1m }
`

t.test('a retry budget of Gateway API is one of ours', async t => {
  t.match(policies(budget).ofService('orders.default', 80), {
    retryBudget: { ratio: 0.05, minPerSecond: 1.5, window: 30_000 },
  })
})

t.test('a TrafficPolicy comes before it, field by field', async t => {
  const own = policy('orders', '{ name: orders }', 'retryBudget: { ratio: 0.5 }')
  t.match(policies(budget, own).ofService('orders.default', 80), {
    retryBudget: { ratio: 0.5, minPerSecond: 1.5 },
  })
})
