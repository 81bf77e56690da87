import t from 'tap'
import { watchedKinds } from '../../../../../src/control/kubernetes/source/watched-kinds.ts'
import {
  compileMesh,
  snapshotFor,
} from '../../../../../src/control/compilation/snapshot-builder.ts'
import type { Configuration } from '../../../../../src/model/configuration.ts'
import { checkSnapshot } from '../../../../../src/model/snapshot-check/snapshot-check.ts'
import type { Registration } from '../../../../../src/model/registration.ts'
import { registrationOf } from '../../sidecars/registrations.ts'
import { until } from '../api/watching.ts'
import { followCluster, paths, route, service, slice } from './cluster.ts'

function names(configuration: Configuration): string[] {
  return configuration.services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
}

t.test('the objects of a cluster become configuration', async t => {
  const { source } = await followCluster(t, {
    prepare: server => {
      server.put(paths.services, service('orders'))
      server.put(paths.slices, slice('orders', ['10.0.0.1']))
      server.put(paths.httpRoutes, route('canary'))
      server.put(paths.grpcRoutes, route('rpc', { parentRefs: [{ kind: 'Service', name: 'pay' }] }))
      server.put(paths.meshes, {
        metadata: { name: 'mesh', namespace: 'weft-system' },
        spec: { mtls: 'strict' },
      })
      server.put(paths.policies, {
        metadata: { name: 'orders', namespace: 'shop' },
        spec: { targetRef: { kind: 'Service', name: 'orders' }, connectTimeout: '2s' },
      })
      server.put(paths.functions, {
        metadata: { name: 'hello', namespace: 'shop' },
        spec: { runtime: 'nodejs', code: '/srv', handler: 'index.handler' },
      })
      server.put(paths.workloads, { metadata: { name: 'vm', namespace: 'shop' }, spec: {} })
    },
  })
  const { configuration, problems, leftOut } = await source.load()
  t.same([problems, leftOut], [[], []])
  t.equal(configuration.membership, 'slices')
  t.match(configuration, {
    mesh: { mtls: 'strict' },
    services: [{ metadata: { name: 'orders', namespace: 'shop' } }],
    endpointSlices: [{ metadata: { name: 'orders-abc' } }],
    httpRoutes: [{ metadata: { name: 'canary' } }],
    grpcRoutes: [{ metadata: { name: 'rpc' } }],
    trafficPolicies: [{ spec: { connectTimeout: 2000 } }],
    functions: [{ metadata: { name: 'hello' } }],
    workloads: [{ metadata: { name: 'vm' } }],
  })
  const { endpoints } = snapshotFor(compileMesh(configuration, []), { namespace: 'shop' }, '*')
  t.match(endpoints['orders.shop:80'], [{ id: '10.0.0.1:8080', workload: 'orders-0' }])
})

t.test('of each object only what is looked at is kept', async t => {
  const { source } = await followCluster(t, {
    prepare: server => {
      server.put(paths.services, service('orders'))
      server.put(paths.slices, slice('orders', ['10.0.0.1']))
      server.put(paths.slices, {
        ...slice('orders', []),
        metadata: { name: 'x', namespace: 'shop' },
      })
    },
  })
  const { configuration } = await source.load()
  const text = JSON.stringify(configuration)
  for (const waste of [
    'managedFields',
    'last-applied',
    'sessionAffinity',
    'loadBalancer',
    'node-1',
  ])
    t.notMatch(text, waste)
  t.strictSame(configuration.endpointSlices, [
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'orders-abc',
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'orders' },
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: ['10.0.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          targetRef: { kind: 'Pod', namespace: 'shop', name: 'orders-0' },
        },
      ],
      ports: [{ name: '', protocol: 'TCP', port: 8080 }],
    },
  ])
})

t.test('changes come together, once each, and what changes nothing is not told', async t => {
  const { server, source, results } = await followCluster(t, {
    quietMs: 20,
    prepare: fake => fake.put(paths.services, service('orders')),
  })
  await source.load()
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  for (let index = 0; index < 20; index++) server.put(paths.services, service(`s${index}`))
  await until(() => results.length === 1)
  t.equal(results[0]?.configuration.services.length, 21)
  let seen = 0
  source.onObjectsChange(() => void seen++)
  // A Service's status, annotations, and a pod are no configuration.
  server.put(paths.services, { ...service('orders'), status: { loadBalancer: { a: 1 } } })
  server.put(paths.pods, { metadata: { name: 'orders-0', namespace: 'shop' } })
  server.put(paths.httpRoutes, route('canary'))
  await until(() => results.length === 2)
  server.put(paths.httpRoutes, { ...route('canary'), status: { parents: [] } })
  await until(() => seen === 2)
  t.equal(results.length, 2)
  server.remove(paths.httpRoutes, 'shop/canary')
  await until(() => results.length === 3)
  t.same(results[2]?.configuration.httpRoutes, [])
})

t.test('changes without end are told all the same', async t => {
  const { server, source, results } = await followCluster(t, { quietMs: 10_000, maxDelayMs: 10 })
  await source.load()
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  let count = 0
  await until(() => {
    server.put(paths.services, service(`s${count++}`))
    return results.length > 1
  })
  t.ok(count > 1)
})

t.test('a bad object is left out, and all others stay', async t => {
  const { server, source, results } = await followCluster(t, {
    prepare: fake => {
      fake.put(paths.services, service('orders'))
      fake.put(paths.services, service('bad', { ports: [{ port: 0, protocol: 'TCP' }] }))
      fake.put(
        paths.services,
        JSON.parse(JSON.stringify(service('evil')).replace('"app"', '"__proto__"')) as never,
      )
      const slow = { path: { type: 'RegularExpression', value: '/(a+)+' } }
      fake.put(paths.httpRoutes, route('slow', { rules: [{ matches: [slow] }] }))
      fake.put(
        paths.httpRoutes,
        route('filtered', { rules: [{ filters: [{ type: 'Teleport' }] }] }),
      )
      fake.put(paths.httpRoutes, route('good'))
    },
  })
  const { configuration, problems, leftOut } = await source.load()
  t.same(problems, [])
  t.same(names(configuration), ['shop/orders'])
  t.same(
    configuration.httpRoutes.map(({ metadata }) => metadata.name),
    ['good'],
  )
  t.match(leftOut, [
    {
      file: 'HTTPRoute shop/filtered',
      path: 'spec.rules[0].filters[0].type',
      message: /unknown filter "Teleport"/,
    },
    {
      file: 'HTTPRoute shop/slow',
      path: 'spec.rules[0].matches[0].path.value',
      message: /same text/,
    },
    { file: 'Service shop/bad', line: 0, path: 'spec.ports[0].port', message: /Too small/ },
    { file: 'Service shop/evil', path: 'spec.selector.__proto__', message: /not allowed/ },
  ])
  t.same(source.status.leftOut, leftOut)
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  server.put(paths.services, service('bad'))
  await until(() => results.length === 1)
  t.same(names(results[0]?.configuration ?? configuration), ['shop/bad', 'shop/orders'])
  t.equal(results[0]?.leftOut?.length, 3)
})

t.test('what real clusters have breaks nothing', async t => {
  const { source } = await followCluster(t, {
    prepare: server => {
      const put = (name: string, spec: object): void =>
        void server.put(paths.services, service(name, spec, { namespace: 'default' }))
      put('kubernetes', {
        clusterIP: '10.96.0.1',
        clusterIPs: ['10.96.0.1'],
        selector: undefined,
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      })
      put('kube-dns', {
        clusterIP: '10.96.0.10',
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        ],
      })
      put('headless', { clusterIP: 'None', clusterIPs: ['None'] })
      put('portless', { clusterIP: 'None', ports: undefined })
      put('away', { type: 'ExternalName', externalName: 'db.example.org', selector: undefined })
      put('udp', { ports: [{ port: 53, protocol: 'UDP' }] })
      server.put(paths.slices, {
        metadata: {
          name: 'kubernetes',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'kubernetes' },
        },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['172.18.0.2'], conditions: { ready: true } }],
        ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
      })
      server.put(paths.slices, { ...slice('gone', []), endpoints: null, ports: null })
      server.put(paths.slices, {
        ...slice('away', [], { addressType: 'FQDN' }),
        metadata: {
          name: 'away',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'away' },
        },
        endpoints: [{ addresses: ['db.example.org'] }],
      })
    },
  })
  const { configuration, leftOut } = await source.load()
  t.same(leftOut, [])
  const snapshot = snapshotFor(compileMesh(configuration, []), { namespace: 'default' }, '*')
  t.ok('snapshot' in checkSnapshot(snapshot))
  t.same(Object.keys(snapshot.services), [
    'headless.default:80',
    'kube-dns.default:53',
    'kubernetes.default:443',
  ])
  t.ok(snapshot.services['kubernetes.default:443']?.hosts.includes('10.96.0.1'))
  t.match(snapshot.endpoints['kubernetes.default:443'], [{ id: '172.18.0.2:6443' }])
  t.same(snapshot.services['headless.default:80']?.hosts.includes('None'), false)
})

t.test(
  "routes for Gateways are somebody else's, also where they are for a Service too",
  async t => {
    const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }
    const { source } = await followCluster(t, {
      prepare: server => {
        server.put(paths.services, service('orders'))
        server.put(paths.httpRoutes, route('edge', { parentRefs: [gateway, { name: 'edge' }] }))
        const both = [gateway, { group: '', kind: 'Service', name: 'orders' }]
        server.put(
          paths.httpRoutes,
          route('both', { parentRefs: both, hostnames: ['example.org'] }),
        )
      },
    })
    const { configuration, leftOut } = await source.load()
    t.same(leftOut, [])
    t.match(configuration.httpRoutes, [
      { metadata: { name: 'both' }, spec: { parentRefs: [{ kind: 'Service', name: 'orders' }] } },
    ])
    t.equal(configuration.httpRoutes.length, 1)
    t.same(
      source.statusUpdates().map(({ target }) => target.title),
      ['HTTPRoute shop/both'],
    )
  },
)

t.test('nothing is written into what is not ours to write, such as a status of others', async t => {
  const { source } = await followCluster(t, {
    prepare: server => {
      server.put(paths.services, service('orders'))
      server.put('/apis/gateway.networking.x-k8s.io/v1alpha1/xbackendtrafficpolicies', {
        metadata: { name: 'budget', namespace: 'shop' },
        spec: { targetRefs: [{ group: '', kind: 'Service', name: 'orders' }] },
      })
    },
  })
  const { configuration } = await source.load()
  t.equal(configuration.backendTrafficPolicies.length, 1)
  t.same(source.statusUpdates(), [])
})

t.test(
  'a reference that leads nowhere costs its share of the requests, and nothing else',
  async t => {
    const backend = (name: string, weight: number, more: object = {}) => ({
      group: '',
      kind: 'Service',
      name,
      port: 80,
      weight,
      ...more,
    })
    const { server, source, results } = await followCluster(t, {
      prepare: fake => {
        fake.put(paths.services, service('orders'))
        const backendRefs = [
          backend('orders', 3),
          backend('missing', 1),
          backend('bucket', 1, { kind: 'Bucket', group: 'example.org', port: undefined }),
          backend('orders', 1, { port: 81 }),
        ]
        fake.put(paths.httpRoutes, route('split', { rules: [{ backendRefs }] }))
      },
    })
    const loaded = await source.load()
    t.same(loaded.leftOut, [])
    const routesOf = (configuration: Configuration) => {
      const snapshot = snapshotFor(compileMesh(configuration, []), { namespace: 'shop' }, '*')
      t.ok('snapshot' in checkSnapshot(snapshot))
      return snapshot.services['orders.shop:80']?.routes
    }
    t.match(routesOf(loaded.configuration), [
      { backends: [{ cluster: 'orders.shop:80', weight: 3 }], invalidWeight: 3 },
    ])
    await until(() => server.watching === Object.keys(watchedKinds).length + 2)
    server.put(paths.services, service('missing'))
    await until(() => results.length === 1)
    t.match(routesOf(results[0]?.configuration ?? loaded.configuration), [
      { backends: [{ weight: 3 }, { cluster: 'missing.shop:80', weight: 1 }], invalidWeight: 2 },
    ])
  },
)

t.test('kinds that are not installed are empty', async t => {
  const { source } = await followCluster(t, {
    prepare: server => {
      server.put(paths.services, service('orders'))
      for (const kind of ['meshes', 'functions', 'workloads', 'trafficpolicies'])
        server.absent.add(`${kind}.weft.dev`)
      for (const kind of ['httproutes', 'grpcroutes'])
        server.absent.add(`${kind}.gateway.networking.k8s.io`)
    },
  })
  const { configuration } = await source.load()
  t.same(names(configuration), ['shop/orders'])
})

t.test('a slip in the Mesh does not open the mesh', async t => {
  const mesh = (mtls: string, namespace = 'weft-system', name = 'mesh') => ({
    metadata: { name, namespace },
    spec: { mtls },
  })
  const { server, source, results } = await followCluster(t, {
    prepare: fake => {
      fake.put(paths.meshes, mesh('stricct'))
      fake.put(paths.meshes, mesh('permissive', 'shop', 'a'))
    },
  })
  const { configuration, leftOut } = await source.load()
  t.equal(configuration.mesh.mtls, 'strict')
  t.match(leftOut, [
    { file: 'Mesh shop/a', message: /only a Mesh in the namespace weft-system/ },
    { file: 'Mesh weft-system/mesh', path: 'spec.mtls' },
  ])
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  server.put(paths.meshes, mesh('permissive'))
  await until(() => results.at(-1)?.configuration.mesh.mtls === 'permissive')
  server.put(paths.meshes, mesh('oops'))
  server.put(paths.meshes, mesh('strict', 'weft-system', 'other'))
  await until(() => (results.at(-1)?.leftOut?.length ?? 0) === 3)
  t.equal(results.at(-1)?.configuration.mesh.mtls, 'permissive')
  server.remove(paths.meshes, 'weft-system/mesh')
  await until(() => results.at(-1)?.configuration.mesh.mtls === 'strict')
})

t.test('without the first lists nothing can be said, but why', async t => {
  const { source } = await followCluster(t, {
    syncTimeoutMs: 1,
    prepare: server => {
      const refusal = { status: 403, reason: 'Forbidden', message: 'pods is forbidden' }
      server.fail(/GET \/api\/v1\/pods/, refusal, refusal, refusal)
      server.fail(/GET \/api\/v1\/services/, 'hang')
    },
  })
  const { kinds } = source.status
  await until(() => source.status.kinds.filter(({ synced }) => synced).length === kinds.length - 2)
  await until(() => source.status.kinds.some(({ lastError }) => lastError !== undefined))
  await t.rejects(source.load(), {
    message: /not answered within 0.001 s; Services: no answer yet; Pods: .*list on pods/,
  })
})

t.test('pods are found by name, with what says who they are', async t => {
  const { server, source } = await followCluster(t, {
    prepare: fake => {
      fake.put(paths.pods, {
        metadata: {
          name: 'orders-0',
          namespace: 'shop',
          labels: { app: 'orders' },
          annotations: { 'weft.dev/status': '{}', other: 'x' },
        },
        spec: { serviceAccountName: 'orders', nodeName: 'node-1', containers: [{ name: 'app' }] },
        status: { podIP: '10.0.0.1', phase: 'Running' },
      })
      fake.put(paths.pods, { metadata: { name: 'new', namespace: 'shop' }, spec: {} })
    },
  })
  await source.pods.synced
  t.strictSame(source.pods.find('shop', 'orders-0'), {
    namespace: 'shop',
    name: 'orders-0',
    uid: server.find(paths.pods, 'shop/orders-0')?.metadata.uid,
    serviceAccount: 'orders',
    labels: { app: 'orders' },
    annotations: { 'weft.dev/status': '{}' },
    podIP: '10.0.0.1',
    nodeName: 'node-1',
  })
  t.match(source.pods.find('shop', 'new'), { serviceAccount: 'default', labels: {} })
  const list = server.requests.find(({ path }) => path === paths.pods)
  t.equal(list?.query.get('fieldSelector'), 'status.phase!=Succeeded,status.phase!=Failed')
  t.equal(source.pods.find('other', 'orders-0'), undefined)
  t.equal([...source.pods.all()].length, 2)
})

t.test('namespaces are told as they come and go', async t => {
  const { server, source } = await followCluster(t, {
    prepare: fake =>
      fake.put(paths.namespaces, {
        metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } },
      }),
  })
  await source.load()
  t.same(
    [...source.namespaces.values()],
    [{ name: 'shop', labels: { 'weft.dev/inject': 'enabled' }, isTerminating: false }],
  )
  let told = 0
  source.onNamespacesChange(() => void told++)
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  const going = { name: 'shop', deletionTimestamp: '2026-01-01T00:00:00Z' }
  server.put(paths.namespaces, { metadata: going })
  await until(() => told === 1)
  t.match(source.namespaces.get('shop'), { isTerminating: true })
})

t.test('the status tells of each kind what is known of it', async t => {
  let now = 1000
  const { source } = await followCluster(t, {
    now: () => now,
    prepare: server => server.put(paths.services, service('orders')),
  })
  await source.load()
  now = 3000
  const { kinds } = source.status
  t.same(
    kinds.map(({ what }) => what),
    [
      'Meshes',
      'Services',
      'EndpointSlices',
      'HTTPRoutes',
      'GRPCRoutes',
      'Workloads',
      'XBackendTrafficPolicies',
      'TrafficPolicies',
      'ServiceEntries',
      'Functions',
      'AuthorizationPolicies',
      'RequestAuthentications',
      'Pods',
      'Namespaces',
    ],
  )
  t.match(kinds[1], {
    what: 'Services',
    synced: true,
    objects: 1,
    ageMs: 2000,
    lastError: undefined,
  })
  t.equal(kinds[2]?.ageMs, undefined)
})

t.test(
  'a pod that was injected is reached through its sidecar before that has registered',
  async t => {
    const pod = (name: string, podIP: string, container: object, metadata: object = {}) => ({
      metadata: { name, namespace: 'shop', ...metadata },
      spec: { serviceAccountName: 'orders', initContainers: [{ name: 'other' }, container] },
      status: { podIP },
    })
    const env = [{ name: 'WEFT_WORKLOAD' }, { name: 'WEFT_APPLICATION_PORTS', value: '9090,8080' }]
    const { server, source, results } = await followCluster(t, {
      trustDomain: 'example.org',
      prepare: fake => {
        fake.put(paths.services, service('orders'))
        fake.put(paths.slices, slice('orders', ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']))
        fake.put(paths.pods, pod('orders-0', '10.0.0.1', { name: 'weft-proxy', env }))
        fake.put(paths.pods, pod('orders-1', '10.0.0.2', { name: 'app', env }))
        fake.put(paths.pods, pod('orders-2', '10.0.0.3', { name: 'weft-proxy' }))
        const deletionTimestamp = '2026-01-01T00:00:00Z'
        const leaving = pod(
          'orders-3',
          '10.0.0.4',
          { name: 'weft-proxy', env },
          { deletionTimestamp },
        )
        fake.put(paths.pods, leaving)
      },
    })
    const { configuration } = await source.load()
    const endpointsOf = (loaded: Configuration, registrations: readonly Registration[] = []) => {
      const mesh = compileMesh(loaded, registrations)
      const { endpoints } = snapshotFor(mesh, { namespace: 'shop' }, '*')
      return endpoints['orders.shop:80']
    }
    t.match(endpointsOf(configuration), [
      {
        id: '10.0.0.1:15008',
        port: 8080,
        mesh: { port: 15_008, identity: 'spiffe://example.org/ns/shop/sa/orders' },
        workload: 'orders-0',
      },
      // One without a sidecar, and one whose sidecar does not serve that port.
      { id: '10.0.0.2:8080', mesh: undefined },
      { id: '10.0.0.3:8080', mesh: undefined },
    ])
    // Two replicas, of which one knows the sidecar, hand out the same; what it says of itself counts.
    const registration = registrationOf('orders-0', {
      namespace: 'shop',
      address: '10.0.0.1',
      ports: [9090, 8080],
      identity: 'spiffe://example.org/ns/shop/sa/orders',
    })
    t.strictSame(endpointsOf(configuration, [registration]), endpointsOf(configuration))
    t.equal(endpointsOf(configuration, [{ ...registration, ready: false }])?.length, 2)
    await until(() => server.watching === Object.keys(watchedKinds).length + 2)
    server.put(paths.pods, pod('orders-1', '10.0.0.2', { name: 'weft-proxy', env }))
    await until(() => results.length === 1)
    t.match(endpointsOf(results[0]?.configuration ?? configuration)?.[1], { id: '10.0.0.2:15008' })
  },
)
