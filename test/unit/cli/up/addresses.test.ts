import t from 'tap'
import { addressBookOf } from '../../../../src/cli/up/addresses.ts'
import { planOf, service, workload } from './plans.ts'

t.test('sidecars and applications are known by workload, upstream ports by service', async t => {
  const orders = `{
    ports: [{ port: 8080 }], run: { command: [a] }, sidecar: { inboundPort: 9008 },
    upstreams: [{ service: payments, localPort: 4102 }]
  }`
  const legacy = '{ ports: [{ port: 8090 }], run: { command: [a] }, sidecar: { enabled: false } }'
  const { plan } = planOf(service('payments'), workload('orders', orders), workload('old', legacy))
  t.same(addressBookOf(plan), {
    services: new Map([['127.0.0.1:4102', 'payments']]),
    workloads: new Map([
      ['127.0.0.1:8080', 'orders'],
      ['127.0.0.1:9008', 'orders'],
      ['127.0.0.1:8090', 'old'],
    ]),
  })
})
