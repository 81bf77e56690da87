import t from 'tap'
import { workloadKind } from '../../../../src/model/kinds/workload.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const workload = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'Workload',
  metadata: { name: 'orders-1' },
  spec: {},
}

t.test('a name is enough', async t => {
  t.same(workloadKind.parse(workload).spec, {
    address: '127.0.0.1',
    ports: [],
    weight: 1,
    upstreams: [],
    sidecar: { enabled: true, dns: false, transparent: false },
  })
})

t.test('a health check asks /healthz every five seconds unless told otherwise', async t => {
  const { spec } = workloadKind.parse({ ...workload, spec: { healthCheck: {} } })
  t.same(spec.healthCheck, { path: '/healthz', interval: 5000 })
})

t.test('every field has its bounds', async t => {
  const full = {
    ...workload,
    spec: {
      ports: [{ name: 'http', port: 8080 }],
      upstreams: [{ service: 'payments', localPort: 4101 }],
      healthCheck: { path: '/', interval: '1s' },
      run: { command: ['node', 'orders.js'] },
    },
  }
  checkFaults(t, workloadKind, full, [
    ['spec', undefined, /expected object/],
    ['spec.serviceAccount', 'Orders', /lower-case/],
    ['spec.address', '', />=1 characters/],
    ['spec.ports.0.port', 0, />=1/],
    ['spec.weight', -1, />=0/],
    ['spec.weight', 1_000_001, /<=1000000/],
    ['spec.weight', 0.5, /expected int/],
    ['spec.zone', 1, /expected string/],
    ['spec.healthCheck.path', 'healthz', /start with "\/"/],
    ['spec.healthCheck.path', '/a b', /hold no space/],
    ['spec.healthCheck.path', '/a\n', /hold no space/],
    ['spec.healthCheck.interval', '0s', /longer than 0s/],
    ['spec.healthCheck.interval', 5000, /expected string/],
    ['spec.upstreams.0.service', '', />=1 characters/],
    ['spec.upstreams.0.localPort', 65_536, /<=65535/],
    ['spec.run.command', [], />=1 items/],
    ['spec.run.environment.PORT', 8080, /expected string/],
    ['spec.sidecar.enabled', 'no', /expected boolean/],
    ['spec.sidecar.adminPort', 0, />=1/],
    ['spec.sidecar.outboundPort', 0, />=1/],
    ['spec.sidecar.inboundPort', 0, />=1/],
    ['spec.sidecar.transparent', 1, /true, false, or an object with inboundPort/],
    ['spec.sidecar.transparent', { inboundPort: 0 }, />=1/, 'spec.sidecar.transparent.inboundPort'],
    ['spec.sidecar.dns', 'yes', /true, false, or an object with a port/],
    ['spec.sidecar.dns', { port: 0 }, />=1/, 'spec.sidecar.dns.port'],
    ['spec.sidecar.dns', { prot: 53 }, /Unrecognized key/],
    ['spec.sidecar', { dns: true, workers: 2 }, /one thread/, 'spec.sidecar.dns'],
  ])
  checkTaken(t, workloadKind, full, [
    ['spec.weight', 0],
    ['spec.sidecar.enabled', false],
    ['spec.sidecar.dns', true],
    ['spec.sidecar.dns', {}],
    ['spec.sidecar.dns', { port: 53 }],
    ['spec.run.environment', { PORT: '8080' }],
  ])
})

t.test('no two ports have the same name', async t => {
  const two = { ...workload, spec: { ports: [{ port: 1 }, { port: 2 }, { name: 'a', port: 3 }] } }
  checkFaults(t, workloadKind, two, [
    [
      'spec.ports.3',
      { name: 'a', port: 4 },
      /"a" is the name of another port/,
      'spec.ports.3.name',
    ],
  ])
})
