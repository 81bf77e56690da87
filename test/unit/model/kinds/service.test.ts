import t from 'tap'
import { serviceKind } from '../../../../src/model/kinds/service.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'orders' },
  spec: { ports: [{ port: 80 }] },
}

t.test('a name and a port are enough', async t => {
  t.same(serviceKind.parse(service), {
    ...service,
    metadata: { name: 'orders', namespace: 'default', labels: {} },
    spec: { ports: [{ port: 80, protocol: 'TCP' }] },
  })
})

t.test('every field has its bounds', async t => {
  checkFaults(t, serviceKind, service, [
    ['apiVersion', 'v2', /expected "v1"/],
    ['metadata.name', 'Orders', /lower-case/],
    ['metadata.name', 'orders.default', /lower-case/],
    ['metadata.name', 'a'.repeat(64), /at most 63/],
    ['metadata.name', undefined, /expected string/],
    ['metadata.namespace', 'Team', /lower-case/],
    ['metadata.labels.app', 1, /expected string/],
    ['spec.selector.app', 1, /expected string/],
    ['spec.ports', [], /needs a port, unless it is headless/],
    ['spec.ports', undefined, /needs a port, unless it is headless/],
    ['spec.ports.0.port', 0, />=1/],
    ['spec.ports.0.port', 65_536, /<=65535/],
    ['spec.ports.0.port', 80.5, /expected int/],
    ['spec.ports.0.port', '80', /expected number/],
    ['spec.ports.0.protocol', 'HTTP', /"TCP"\|"UDP"\|"SCTP"/],
    ['spec.ports.0.targetPort', 0, />=1/],
    ['spec.ports.0.targetPort', '', />=1/],
    ['spec.ports.0.targetPort', [], /must be a port, or the name of one/],
  ])
})

t.test('a port goes to a number or to a name', async t => {
  checkTaken(t, serviceKind, service, [
    ['spec.ports.0.targetPort', 8080],
    ['spec.ports.0.targetPort', 'http'],
  ])
})

t.test('no two ports have the same number or the same name', async t => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53 },
  ]
  const dns = { ...service, spec: { ports } }
  checkFaults(t, serviceKind, dns, [
    ['spec.ports.1.name', 'dns', /"dns" is the name of another port/],
    ['spec.ports.2', { port: 53 }, /^TCP port 53 is given twice$/, 'spec.ports.2.port'],
  ])
})

t.test('what a cluster adds is taken', async t => {
  checkTaken(t, serviceKind, service, [
    ['metadata.uid', 'b1'],
    ['metadata.creationTimestamp', null],
    ['metadata.annotations', { note: 'x' }],
    ['spec.type', 'ClusterIP'],
    ['spec.clusterIPs', ['10.0.0.1']],
    ['spec.ports.0.nodePort', 30_000],
    ['status', { loadBalancer: {} }],
  ])
})
