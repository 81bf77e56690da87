import t from 'tap'
import { InboundLimits } from '../../../../src/control/compilation/inbound-limits.ts'
import { TrafficPolicies } from '../../../../src/control/compilation/traffic-policies.ts'
import { configurationIn } from '../../model/configurations.ts'

const orders = { namespace: 'default', name: 'orders-1', labels: { app: 'orders' } }

function limitsOf(target: string, workload = orders) {
  const configuration = configurationIn(`
apiVersion: v1
kind: Service
metadata: { name: orders }
spec:
  selector: { app: orders }
  ports: [{ name: web, port: 80, targetPort: 8080 }, { name: rpc, port: 81 }, { name: x, port: 82, targetPort: x }]
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, adaptiveConcurrency: { ${target} maxLimit: 9 } }
---
`)
  return new InboundLimits(configuration, new TrafficPolicies(configuration)).of(workload)
}

t.test('a workload of the Service has the limits of its ports, ready or not', async t => {
  t.match(limitsOf(''), { 8080: { minLimit: 3, maxLimit: 9 }, 81: { maxLimit: 9 } })
  t.same(Object.keys(limitsOf('') ?? {}), ['81', '8080'])
})

t.test('others have none', async t => {
  t.equal(limitsOf('', { ...orders, labels: { app: 'web' } }), undefined)
  t.equal(limitsOf('', { ...orders, namespace: 'shop' }), undefined)
})

t.test('a limit of the callers is none of the workload', async t => {
  t.equal(limitsOf('at: outbound,'), undefined)
})
