import t from 'tap'
import {
  sliceEndpoints,
  slicesByService,
} from '../../../../../src/control/compilation/endpoints/slice-endpoints.ts'
import { SidecarIndex } from '../../../../../src/control/compilation/endpoints/sidecar-index.ts'
import { endpointSliceKind } from '../../../../../src/model/kinds/endpoint-slice.ts'
import { serviceKind } from '../../../../../src/model/kinds/service.ts'
import type { Registration } from '../../../../../src/model/registration.ts'
import { registrationOf } from '../../sidecars/registrations.ts'

interface SliceChanges {
  readonly name?: string
  readonly service?: string
  readonly namespace?: string
  readonly addressType?: string
  readonly ports?: readonly object[]
}

function slice(endpoints: readonly object[], changes: SliceChanges = {}) {
  const { name = 'orders-abc', service = 'orders', namespace = 'shop' } = changes
  return endpointSliceKind.parse({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: changes.addressType ?? 'IPv4',
    endpoints,
    ports: changes.ports ?? [{ name: 'http', protocol: 'TCP', port: 8080 }],
  })
}

function pod(name: string, address: string, conditions: object = { ready: true }) {
  return { addresses: [address], conditions, targetRef: { kind: 'Pod', namespace: 'shop', name } }
}

const going = { ready: false, serving: true, terminating: true }

interface View {
  readonly registrations?: readonly Registration[]
  readonly spec?: object
}

function endpoints(slices: ReturnType<typeof slice>[], { registrations = [], spec }: View = {}) {
  const service = serviceKind.parse({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { ports: [{ name: 'http', port: 80 }], ...spec },
  })
  const [port] = service.spec.ports
  if (port === undefined) throw new Error('there is no port')
  return sliceEndpoints(service, port, slicesByService(slices), new SidecarIndex(registrations))
}

const ids = (...found: Parameters<typeof endpoints>) => endpoints(...found).map(({ id }) => id)

function sidecar(name: string, address: string, changes: Partial<Registration> = {}): Registration {
  return registrationOf(name, { namespace: 'shop', address, ports: [8080], ...changes })
}

t.test('a pod without a sidecar is reached as its slice says', async t => {
  const endpoint = { ...pod('orders-1', '10.0.0.1'), zone: 'a' }
  t.strictSame(endpoints([slice([endpoint])]), [
    {
      id: '10.0.0.1:8080',
      address: '10.0.0.1',
      port: 8080,
      weight: 1,
      workload: 'orders-1',
      zone: 'a',
    },
  ])
})

t.test('a pod with a sidecar is reached through it, by its identity', async t => {
  const registrations = [sidecar('orders-1', '10.0.0.1', { zone: 'b' })]
  const endpoint = { ...pod('orders-1', '10.0.0.1'), zone: 'a' }
  t.strictSame(endpoints([slice([endpoint])], { registrations }), [
    {
      id: '10.0.0.1:15008',
      address: '10.0.0.1',
      port: 8080,
      mesh: { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/orders-1' },
      weight: 1,
      workload: 'orders-1',
      zone: 'a',
      labels: { app: 'orders-1' },
    },
  ])
})

t.test('both must be ready: the pod by its slice, the sidecar by its own word', async t => {
  const registered = [sidecar('orders-1', '10.0.0.1')]
  const starting = [sidecar('orders-1', '10.0.0.1', { ready: false })]
  const ready = slice([pod('orders-1', '10.0.0.1')])
  const failing = slice([pod('orders-1', '10.0.0.1', { ready: false })])
  t.same(ids([ready], { registrations: registered }), ['10.0.0.1:15008'])
  t.same(ids([ready], { registrations: starting }), [])
  t.same(ids([failing], { registrations: registered }), [])
})

t.test('a registration whose pod is in no slice takes no traffic', async t => {
  const registrations = [sidecar('orders-1', '10.0.0.1'), sidecar('orders-2', '10.0.0.2')]
  t.same(ids([slice([pod('orders-1', '10.0.0.1')])], { registrations }), ['10.0.0.1:15008'])
  t.same(ids([], { registrations }), [])
})

t.test('nobody takes the place of a pod by claiming its address', async t => {
  const registrations = [sidecar('thief', '10.0.0.1'), sidecar('orders-2', '10.0.0.2')]
  t.same(ids([slice([pod('orders-1', '10.0.0.1')])], { registrations }), ['10.0.0.1:8080'])
  const elsewhere = [sidecar('orders-1', '10.0.0.1', { namespace: 'other' })]
  t.same(ids([slice([pod('orders-1', '10.0.0.1')])], { registrations: elsewhere }), [
    '10.0.0.1:8080',
  ])
})

t.test('the sidecar of a pod that was there before, under the same name, is not meant', async t => {
  const registrations = [sidecar('orders-0', '10.0.0.7')]
  t.same(ids([slice([pod('orders-0', '10.0.0.8')])], { registrations }), ['10.0.0.8:8080'])
})

t.test('a port that the sidecar does not serve is reached beside it', async t => {
  const registrations = [sidecar('orders-1', '10.0.0.1', { ports: [9090] })]
  t.same(ids([slice([pod('orders-1', '10.0.0.1')])], { registrations }), ['10.0.0.1:8080'])
})

t.test('while none is ready those that still serve take traffic, and no longer', async t => {
  const failing = pod('orders-2', '10.0.0.2', { ready: false, serving: false, terminating: true })
  const leaving = pod('orders-1', '10.0.0.1', going)
  t.same(ids([slice([leaving, failing])]), ['10.0.0.1:8080'])
  t.same(ids([slice([leaving, failing, pod('orders-3', '10.0.0.3')])]), ['10.0.0.3:8080'])
  // Of another slice of the same Service.
  const other = slice([pod('orders-3', '10.0.0.3')], { name: 'orders-def' })
  t.same(ids([slice([leaving]), other]), ['10.0.0.3:8080'])
  t.same(ids([slice([pod('orders-1', '10.0.0.1', { ready: false, serving: true })])]), [])
})

t.test('conditions that nobody has set mean ready', async t => {
  for (const conditions of [{}, { ready: null }, { ready: null, serving: null }])
    t.same(ids([slice([pod('orders-1', '10.0.0.1', conditions)])]), ['10.0.0.1:8080'])
  t.same(ids([slice([{ addresses: ['10.0.0.1'] }])]), ['10.0.0.1:8080'])
})

t.test('a pod in several slices is one endpoint, ready if one of them says so', async t => {
  const one = slice([
    pod('orders-1', '10.0.0.1', { ready: false, serving: true, terminating: true }),
  ])
  const other = slice([pod('orders-1', '10.0.0.1')], { name: 'orders-def' })
  const rest = slice([pod('orders-2', '10.0.0.2')], { name: 'orders-ghi' })
  t.same(ids([one, other, rest]), ['10.0.0.1:8080', '10.0.0.2:8080'])
})

t.test('of several addresses the first is enough', async t => {
  const endpoint = { ...pod('orders-1', '10.0.0.1'), addresses: ['10.0.0.1', '10.0.0.9'] }
  t.same(ids([slice([endpoint])]), ['10.0.0.1:8080'])
})

t.test('a pod of two families is one endpoint, of the one that its Service prefers', async t => {
  const dual = [
    slice([pod('orders-1', '10.0.0.1')]),
    slice([pod('orders-1', 'fd00::1')], { name: 'orders-v6', addressType: 'IPv6' }),
  ]
  t.same(ids(dual), ['10.0.0.1:8080'])
  t.same(ids(dual, { spec: { ipFamilies: ['IPv6', 'IPv4'] } }), ['fd00::1:8080'])
  t.same(ids(dual, { spec: { clusterIP: 'fd00:1::1' } }), ['fd00::1:8080'])
  // What its sidecar listens on goes first, in whatever way it writes its address.
  const v6 = [sidecar('orders-1', 'fd00:0:0::1')]
  t.same(ids(dual, { registrations: v6 }), ['fd00:0:0::1:15008'])
  const v4 = [sidecar('orders-1', '10.0.0.1')]
  t.same(ids(dual, { registrations: v4, spec: { ipFamilies: ['IPv6'] } }), ['10.0.0.1:15008'])
  t.same(ids(dual.slice(1), { registrations: v4 }), ['10.0.0.1:15008'])
  t.same(ids(dual, { registrations: [sidecar('orders-1', '10.0.0.7')] }), ['10.0.0.1:8080'])
})

t.test('a named port may be another one in each pod', async t => {
  const canary = slice([pod('orders-2', '10.0.0.2')], {
    name: 'orders-canary',
    ports: [
      { name: 'metrics', port: 9 },
      { name: 'http', port: 9090 },
    ],
  })
  t.same(ids([slice([pod('orders-1', '10.0.0.1')]), canary]), ['10.0.0.1:8080', '10.0.0.2:9090'])
})

t.test('a slice without that port, or with a port for UDP, has nothing for it', async t => {
  for (const ports of [
    [],
    [{ name: 'grpc', port: 1 }],
    [{ port: 1 }],
    [{ name: 'http', protocol: 'UDP', port: 53 }],
    [{ name: 'http', port: null }],
    [{ name: 'http' }],
  ])
    t.same(ids([slice([pod('orders-1', '10.0.0.1')], { ports })]), [])
  const unnamed = { spec: { ports: [{ port: 80 }] } }
  for (const ports of [[{ port: 8080 }], [{ name: '', port: 8080 }], [{ name: null, port: 8080 }]])
    t.same(ids([slice([pod('orders-1', '10.0.0.1')], { ports })], unnamed), ['10.0.0.1:8080'])
})

t.test('slices of other Services and namespaces are not looked at', async t => {
  const endpoint = pod('orders-1', '10.0.0.1')
  t.same(ids([slice([endpoint], { service: 'users' }), slice([endpoint], { namespace: 'x' })]), [])
})

t.test('addresses that are no pods are as they are, and names too', async t => {
  const manual = slice([{ addresses: ['192.0.2.1'] }, { addresses: ['192.0.2.1'] }])
  t.match(endpoints([manual]), [{ id: '192.0.2.1:8080', workload: 'orders-abc' }])
  t.equal(endpoints([manual]).length, 1)
  const named = slice([{ addresses: ['db.example.org'] }], { addressType: 'FQDN' })
  t.same(ids([named]), ['db.example.org:8080'])
  t.same(ids([manual], { registrations: [sidecar('vm', '192.0.2.1')] }), ['192.0.2.1:15008'])
  const foreign = [sidecar('vm', '192.0.2.1', { namespace: 'other' })]
  t.same(ids([manual], { registrations: foreign }), ['192.0.2.1:8080'])
})

t.test('ten thousand slices of a thousand Services are no work for each of them', async t => {
  const slices = Array.from({ length: 10_000 }, (_, index) =>
    slice([pod(`p${index}`, `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)], {
      name: `s${index}`,
      service: `orders${index % 1000 || ''}`,
    }),
  )
  const bySlices = slicesByService(slices)
  const service = serviceKind.parse({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { ports: [{ name: 'http', port: 80 }] },
  })
  const [port] = service.spec.ports
  const index = new SidecarIndex([])
  if (port === undefined) throw new Error('there is no port')
  let found = 0
  for (let round = 0; round < 1000; round++)
    found += sliceEndpoints(service, port, bySlices, index).length
  t.equal(found, 10_000)
})
