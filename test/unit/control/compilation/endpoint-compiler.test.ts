import t from 'tap'
import {
  compileEndpoints,
  indexInstances,
} from '../../../../src/control/compilation/endpoint-compiler.ts'
import type { Registration } from '../../../../src/model/registration.ts'
import { configurationIn } from '../../model/configurations.ts'

function registration(name: string, changes: Partial<Registration> = {}): Registration {
  return {
    namespace: 'default',
    name,
    serviceAccount: 'orders',
    labels: { app: 'orders' },
    address: '10.0.0.1',
    ports: [8080],
    meshPort: 15_008,
    identity: 'spiffe://weft.local/ns/default/sa/orders',
    ready: true,
    ...changes,
  }
}

function serviceYaml(ports = '[{ port: 80, targetPort: 8080 }]', selector = '{ app: orders }') {
  return `apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: ${selector}, ports: ${ports} }
---
`
}

function workloadYaml(name: string, spec: string, namespace = 'default'): string {
  return `apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: ${name}, namespace: ${namespace}, labels: { app: orders } }
spec: ${spec}
---
`
}

function sliceYaml(
  name: string,
  endpoints: string,
  ports = '[{ port: 8080 }]',
  namespace = 'default',
) {
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: ${namespace}, labels: { kubernetes.io/service-name: orders } }
addressType: IPv4
endpoints: ${endpoints}
ports: ${ports}
---
`
}

/** Of the first port of the first Service. */
function endpoints(yaml: string, ...registrations: Registration[]) {
  const configuration = configurationIn(yaml)
  const [service] = configuration.services
  const [port] = service?.spec.ports ?? []
  if (service === undefined || port === undefined) throw new Error('there is no Service')
  return compileEndpoints(service, port, indexInstances(configuration, registrations))
}

const ids = (...found: Parameters<typeof endpoints>) => endpoints(...found).map(({ id }) => id)

t.test('a registered workload is reached through its sidecar, by its identity', async t => {
  t.strictSame(endpoints(serviceYaml(), registration('orders-1', { zone: 'a' })), [
    {
      id: '10.0.0.1:15008',
      address: '10.0.0.1',
      port: 8080,
      mesh: { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/orders' },
      weight: 1,
      workload: 'orders-1',
      zone: 'a',
    },
  ])
})

t.test('its weight, its zone and the names of its ports are those of the file', async t => {
  const spec = '{ weight: 3, zone: b, ports: [{ port: 9 }, { name: http, port: 8080 }] }'
  const yaml = serviceYaml('[{ port: 80, targetPort: http }]') + workloadYaml('orders-1', spec)
  t.match(endpoints(yaml, registration('orders-1')), [{ port: 8080, weight: 3, zone: 'b' }])
  t.match(endpoints(yaml, registration('orders-1', { zone: 'a' })), [{ zone: 'a' }])
  t.same(endpoints(yaml, registration('unheard-of')), [])
})

t.test('a workload counts when all labels fit, in the namespace, while it is ready', async t => {
  const yaml = serviceYaml(undefined, '{ app: orders, version: v1 }')
  const labels = { app: 'orders', version: 'v1', extra: 'x' }
  t.same(ids(yaml, registration('a', { labels })), ['10.0.0.1:15008'])
  t.same(ids(yaml, registration('a', { labels: { app: 'orders' } })), [])
  t.same(ids(yaml, registration('a', { labels: { ...labels, version: 'v2' } })), [])
  t.same(ids(yaml, registration('a', { labels, namespace: 'team' })), [])
  t.same(ids(yaml, registration('a', { labels, ready: false })), [])
})

t.test('a workload counts for the ports that it has', async t => {
  t.same(ids(serviceYaml(), registration('a', { ports: [8081] })), [])
  t.same(ids(serviceYaml(), registration('a', { ports: [8081, 8080] })), ['10.0.0.1:15008'])
  t.match(endpoints(serviceYaml('[{ port: 8080 }]'), registration('a')), [{ port: 8080 }])
})

t.test('a Service without a selector selects nobody', async t => {
  const yaml = serviceYaml(undefined, '{}') + workloadYaml('b', '{ sidecar: { enabled: false } }')
  t.same(ids(yaml, registration('a')), [])
})

t.test('a workload without a sidecar is reached as it stands in the file', async t => {
  const plain = '{ address: 10.0.0.2, weight: 2, zone: b, sidecar: { enabled: false } }'
  t.strictSame(endpoints(serviceYaml() + workloadYaml('legacy', plain)), [
    {
      id: '10.0.0.2:8080',
      address: '10.0.0.2',
      port: 8080,
      weight: 2,
      workload: 'legacy',
      zone: 'b',
    },
  ])
  t.same(ids(serviceYaml() + workloadYaml('legacy', plain, 'team')), [])
})

t.test('a workload with a sidecar does not count before it has registered', async t => {
  t.same(ids(serviceYaml() + workloadYaml('orders-1', '{ ports: [{ port: 8080 }] }')), [])
})

t.test('addresses of slices count unless they are not ready', async t => {
  const slice = sliceYaml(
    'orders-abc',
    `[
      { addresses: [10.0.1.1, 10.0.1.2], zone: a },
      { addresses: [10.0.1.3], conditions: { ready: true } },
      { addresses: [10.0.1.4], conditions: { ready: null } },
      { addresses: [10.0.1.5], conditions: { ready: false } },
    ]`,
  )
  const found = endpoints(serviceYaml() + slice)
  t.same(
    found.map(({ id }) => id),
    ['10.0.1.1:8080', '10.0.1.2:8080', '10.0.1.3:8080', '10.0.1.4:8080'],
  )
  t.strictSame(found[0], {
    id: '10.0.1.1:8080',
    address: '10.0.1.1',
    port: 8080,
    weight: 1,
    workload: 'orders-abc',
    zone: 'a',
  })
})

t.test('a slice has the port of the same name, or none', async t => {
  const slice = sliceYaml(
    'orders-abc',
    '[{ addresses: [10.0.1.1] }]',
    '[{ name: metrics, port: 9090 }, { name: http, port: 8080 }]',
  )
  t.same(ids(serviceYaml('[{ name: http, port: 80 }]') + slice), ['10.0.1.1:8080'])
  t.same(ids(serviceYaml('[{ name: grpc, port: 80 }]') + slice), [])
  t.same(ids(serviceYaml('[{ port: 80 }]') + slice), [])
})

t.test('a slice belongs to the Service of its own namespace', async t => {
  const other = `${serviceYaml().replace('orders }', 'orders, namespace: team }')}`
  const slice = sliceYaml('orders-abc', '[{ addresses: [10.0.1.1] }]', undefined, 'team')
  t.same(ids(serviceYaml() + other + slice), [])
  t.same(ids(other + slice), ['10.0.1.1:8080'])
})

t.test('nobody goes past a sidecar, also while it is not ready', async t => {
  const slice = sliceYaml('orders-abc', '[{ addresses: [10.0.0.1, 10.0.0.2] }]')
  const yaml = serviceYaml() + slice
  t.same(ids(yaml, registration('a')), ['10.0.0.1:15008', '10.0.0.2:8080'])
  t.same(ids(yaml, registration('a', { ready: false })), ['10.0.0.2:8080'])
})

t.test('an address is one endpoint, and of two registrations the newer counts', async t => {
  const slices =
    sliceYaml('b', '[{ addresses: [10.0.1.1], zone: b }]') +
    sliceYaml('a', '[{ addresses: [10.0.1.1], zone: a }]')
  t.match(endpoints(serviceYaml() + slices), [{ id: '10.0.1.1:8080', zone: 'a' }])
  const found = endpoints(serviceYaml(), registration('old'), registration('new'))
  t.same(
    found.map(({ workload }) => workload),
    ['new'],
  )
})

t.test('endpoints are in the order of their ids', async t => {
  const registrations = ['10.0.0.3', '10.0.0.1', '10.0.0.2'].map(address =>
    registration(address, { address }),
  )
  t.same(ids(serviceYaml(), ...registrations), [
    '10.0.0.1:15008',
    '10.0.0.2:15008',
    '10.0.0.3:15008',
  ])
})

t.test('in a cluster nobody is an endpoint by registering: slices say who is', async t => {
  const configuration = { ...configurationIn(serviceYaml()), membership: 'slices' as const }
  const [service] = configuration.services
  const [port] = service?.spec.ports ?? []
  if (service === undefined || port === undefined) throw new Error('there is no Service')
  const instances = indexInstances(configuration, [registration('orders-1')])
  t.same(compileEndpoints(service, port, instances), [])
})

t.test('in a cluster what is declared beside the pods is an endpoint by its labels', async t => {
  const yaml =
    serviceYaml() +
    workloadYaml(
      'old',
      '{ address: 10.0.2.1, ports: [{ port: 8080 }], sidecar: { enabled: false } }',
    ) +
    workloadYaml('vm', '{ address: 10.0.2.2, ports: [{ port: 8080 }] }')
  const configuration = { ...configurationIn(yaml), membership: 'slices' as const }
  const [service] = configuration.services
  const [port] = service?.spec.ports ?? []
  if (service === undefined || port === undefined) throw new Error('there is no Service')
  const registrations = [registration('vm', { address: '10.0.2.2' }), registration('pod')]
  const found = compileEndpoints(service, port, indexInstances(configuration, registrations))
  t.same(
    found.map(({ id }) => id),
    ['10.0.2.1:8080', '10.0.2.2:15008'],
  )
})

t.test('in a cluster a subset goes by the labels that a pod has now', async t => {
  const members = `[{ addresses: [10.0.0.1], targetRef: { kind: Pod, name: orders-1, namespace: default } }]`
  const configuration = configurationIn(serviceYaml() + sliceYaml('s', members))
  const [service] = configuration.services
  const [port] = service?.spec.ports ?? []
  if (service === undefined || port === undefined) throw new Error('there is no Service')
  const registered = registration('orders-1', { labels: { app: 'orders', track: 'canary' } })
  const pod = {
    address: '10.0.0.1',
    ports: [8080],
    meshPort: 15_008,
    identity: registered.identity,
    labels: { app: 'orders', track: 'stable' },
    isLeaving: false,
  }
  const injectedPods = new Map([['default/orders-1', pod]])
  const cluster = { ...configuration, membership: 'slices' as const, injectedPods }
  const instances = indexInstances(cluster, [registered])
  const of = (track: string) =>
    compileEndpoints(service, port, instances, { labels: { track }, fallback: 'none' }).length
  t.same([of('stable'), of('canary')], [1, 0])
})
