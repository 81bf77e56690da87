import { resolve } from 'node:path'
import t from 'tap'
import { onDemandSidecars } from '../../../../src/cli/up/on-demand/on-demand-sidecars.ts'
import { planOf, service, workload } from './plans.ts'

t.test('the control plane gets the mesh’s trust domain and its own folder', async t => {
  const mesh = `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: shop }
spec: { trustDomain: shop.example }`
  const { plan } = planOf(mesh, workload('orders'))
  t.same(plan.control, {
    bootstrapFile: '/var/weft/control/bootstrap.json',
    bootstrap: {
      configPath: 'mesh.yaml',
      stateDirectory: '/var/weft/control',
      trustDomain: 'shop.example',
      push: { host: '127.0.0.1', port: 15012 },
      admin: { host: '127.0.0.1', port: 15014 },
      leaseMs: 30_000,
    },
  })
  t.equal(plan.workloads[0]?.sidecar?.bootstrap.controlPlane.trustDomain, 'shop.example')
})

t.test('a sidecar’s bootstrap says all that its Workload says', async t => {
  const spec = `{
    serviceAccount: buyer, zone: a, ports: [{ port: 8080 }, { port: 8081 }],
    healthCheck: { path: /up, interval: 2s }, upstreams: [{ service: payments, localPort: 4102 }]
  }`
  const { plan } = planOf(service('payments'), workload('orders', spec))
  t.same(plan.workloads, [
    {
      name: 'orders',
      sidecar: {
        bootstrapFile: '/var/weft/workloads/orders.default/bootstrap.json',
        bootstrap: {
          workload: {
            name: 'orders',
            namespace: 'default',
            serviceAccount: 'buyer',
            labels: { app: 'orders' },
            zone: 'a',
          },
          stateDirectory: '/var/weft/workloads/orders.default',
          controlPlane: { host: '127.0.0.1', port: 15012, trustDomain: 'weft.local' },
          trustBundleFile: '/var/weft/control/trust-bundle.pem',
          joinTokenFile: '/var/weft/workloads/orders.default/join-token',
          admin: { host: '127.0.0.1', port: 15000 },
          outbound: { host: '127.0.0.1', port: 15001 },
          inbound: { host: '127.0.0.1', port: 15008 },
          application: { host: '127.0.0.1', ports: [8080, 8081] },
          applicationHealth: { path: '/up', intervalMs: 2000 },
          upstreams: [{ host: '127.0.0.1', port: 4102, service: 'payments' }],
          advertise: '127.0.0.1',
          drainTimeoutMs: 5000,
          accessLog: 'all',
        },
      },
    },
  ])
})

t.test('each further sidecar has the same ports plus 100, unless its Workload says so', async t => {
  const { plan } = planOf(
    workload('a'),
    workload('legacy', '{ sidecar: { enabled: false } }'),
    workload('b'),
    workload('c', '{ sidecar: { adminPort: 9000, inboundPort: 9008 } }'),
  )
  t.same(
    plan.workloads.map(({ name, sidecar }) => {
      const { admin, outbound, inbound } = sidecar?.bootstrap ?? {}
      return [name, admin?.port, outbound?.port, inbound?.port]
    }),
    [
      ['a', 15000, 15001, 15008],
      ['legacy', undefined, undefined, undefined],
      ['b', 15100, 15101, 15108],
      ['c', 9000, 15201, 9008],
    ],
  )
})

t.test('a sidecar answers DNS where its Workload says so', async t => {
  const dnsOf = (...specs: string[]) =>
    planOf(...specs.map((spec, index) => workload(`w${index}`, spec))).plan.workloads.map(
      ({ sidecar }) => sidecar?.bootstrap.dns,
    )
  const on = '{ sidecar: { dns: true } }'
  t.strictSame(
    dnsOf(on, '{}', on, '{ sidecar: { dns: {} } }', '{ sidecar: { dns: { port: 53 } } }'),
    [
      { host: '127.0.0.1', port: 15053 },
      undefined,
      { host: '127.0.0.1', port: 15253 },
      { host: '127.0.0.1', port: 15353 },
      { host: '127.0.0.1', port: 53 },
    ],
  )
  t.strictSame(dnsOf('{ sidecar: { dns: false } }'), [undefined])
})

t.test('an application is told its first port, but not against its own environment', async t => {
  const applicationOf = (spec: string) => planOf(workload('a', spec)).plan.workloads[0]?.application
  t.same(
    applicationOf('{ ports: [{ port: 1 }, { port: 2 }], run: { command: [node, a.js, --x] } }'),
    {
      host: '127.0.0.1',
      ports: [1, 2],
      command: 'node',
      arguments: ['a.js', '--x'],
      environment: { PORT: '1' },
    },
  )
  t.match(
    applicationOf(
      '{ ports: [{ port: 1 }], run: { command: [a], directory: /srv, environment: { PORT: "7" } } }',
    ),
    { environment: { PORT: '7' }, directory: '/srv' },
  )
  t.same(applicationOf('{ run: { command: [a] } }')?.environment, {})
  t.equal(applicationOf('{ ports: [{ port: 1 }] }'), undefined)
})

t.test('workloads of one name in two namespaces stay apart', async t => {
  const { plan } = planOf(workload('orders'), workload('orders.test'))
  t.same(
    plan.workloads.map(({ name, sidecar }) => [name, sidecar?.bootstrapFile]),
    [
      ['orders', '/var/weft/workloads/orders.default/bootstrap.json'],
      ['orders.test', '/var/weft/workloads/orders.test/bootstrap.json'],
    ],
  )
})

t.test(
  'transparent mode takes what comes in on 15006, and leaves unknown destinations to the mesh',
  async t => {
    const { plan } = planOf(
      workload('a', '{ sidecar: { transparent: true } }'),
      workload('b', '{ sidecar: { transparent: { outboundTrafficPolicy: registryOnly } } }'),
      workload('c', '{ sidecar: { transparent: { inboundPort: 9006 } } }'),
      workload('d', '{}'),
    )
    const host = '0.0.0.0'
    t.strictSame(
      plan.workloads.map(({ sidecar }) => sidecar?.bootstrap.transparent),
      [
        { inbound: { host, port: 15_006 } },
        { inbound: { host, port: 15_106 }, outboundTrafficPolicy: 'registryOnly' },
        { inbound: { host, port: 9006 } },
        undefined,
      ],
    )
  },
)

const functionYaml = (spec: string): string => `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec: ${spec}`

t.test('a function that may be gone waits for its first call', async t => {
  const runs = 'command: [run], code: /code'
  const { plan } = planOf(functionYaml(`{ ${runs}, scale: { zero: gone } }`))
  t.equal(plan.workloads[0]?.sidecar?.onDemand, true)
  t.match(plan.control.bootstrap.scaling, /scaling\.json$/)
  t.match(onDemandSidecars(plan), { 'echo.default': { name: 'echo', onDemand: true } })
  const { plan: standing } = planOf(functionYaml(`{ ${runs} }`))
  t.equal(standing.workloads[0]?.sidecar?.onDemand, undefined)
  t.equal(standing.control.bootstrap.scaling, undefined)
  t.strictSame(onDemandSidecars(standing), {})
})

t.test('a function of containers has no sidecar here', async t => {
  const { plan } = planOf(functionYaml("{ driver: docker, image: 'a:1', scale: { zero: gone } }"))
  t.strictSame(plan.workloads, [])
})

t.test('plugins are found from the folder in which the mesh is started', async t => {
  const spec = `{ sidecar: { plugins: [
    { path: plugins/signer.ts, direction: outbound, config: { key: k } },
    { path: /opt/id.ts, name: id, onError: continue, timeout: 1s }
  ] } }`
  const { plan } = planOf(workload('orders', spec))
  t.strictSame(plan.workloads[0]?.sidecar?.bootstrap.plugins, [
    {
      path: resolve('plugins/signer.ts'),
      config: { key: 'k' },
      direction: 'outbound',
      onError: 'fail',
      timeoutMs: 100,
    },
    {
      path: '/opt/id.ts',
      name: 'id',
      config: {},
      direction: 'both',
      onError: 'continue',
      timeoutMs: 1000,
    },
  ])
})
