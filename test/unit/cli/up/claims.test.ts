import t from 'tap'
import { claimsOf } from '../../../../src/cli/up/claims.ts'
import { planOf, service, workload } from './plans.ts'

const claimed = (...documents: string[]): string[] =>
  claimsOf(planOf(...documents).plan).map(
    ({ host, port, purpose, setting }) => `${host}:${port} | ${purpose} | ${setting}`,
  )

t.test('every port has a claim with the setting that moves it', async t => {
  const spec = `{
    address: 127.0.0.2, ports: [{ port: 8080 }, { port: 8081 }], run: { command: [a] },
    upstreams: [{ service: payments, localPort: 4102 }], sidecar: { dns: true }
  }`
  t.same(claimed(service('payments'), workload('orders', spec)), [
    '127.0.0.1:15012 | push port of the control plane | --control-port',
    '127.0.0.1:15014 | admin port of the control plane | --control-admin-port',
    '127.0.0.2:8080 | port of orders itself | spec.ports[0].port of Workload orders',
    '127.0.0.2:8081 | port of orders itself | spec.ports[1].port of Workload orders',
    "127.0.0.1:15000 | admin port of orders's sidecar | spec.sidecar.adminPort of Workload orders",
    "127.0.0.1:15001 | outbound port of orders's sidecar | spec.sidecar.outboundPort of Workload orders",
    "127.0.0.1:15008 | inbound port of orders's sidecar | spec.sidecar.inboundPort of Workload orders",
    '127.0.0.1:4102 | port on which orders calls payments | spec.upstreams[0].localPort of Workload orders',
    "127.0.0.1:15053 | DNS port of orders's sidecar | spec.sidecar.dns.port of Workload orders",
  ])
})

t.test('an application that somebody else runs may be there already', async t => {
  const spec = '{ ports: [{ port: 8080 }], sidecar: { enabled: false } }'
  t.equal(claimed(workload('orders', spec)).length, 2, 'those of the control plane')
})
