import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { compileMesh, snapshotFor } from '../../../../src/control/compilation/snapshot-builder.ts'
import type { Subscribed } from '../../../../src/discovery/message.ts'
import type { Registration } from '../../../../src/model/registration.ts'
import { checkSnapshot } from '../../../../src/model/snapshot-check/snapshot-check.ts'
import { firstServiceYaml } from '../../../support/first-service.ts'
import { configurationIn, serviceYaml } from '../../model/configurations.ts'
import { registrationOf } from '../sidecars/registrations.ts'

function routeYaml(qualifiedName: string, parents: string, backend: string): string {
  const [name, namespace = 'default'] = qualifiedName.split('.')
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: ${parents}
  rules: [{ backendRefs: [{ ${backend} }] }]
---
`
}

function policyYaml(name: string, target: string, settings: string): string {
  return `apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec: { targetRef: { ${target} }, ${settings} }
---
`
}

interface View {
  readonly namespace?: string
  readonly subscribed?: Subscribed
  readonly registrations?: readonly Registration[]
}

function snapshot(
  yaml: string,
  { namespace = 'default', subscribed = '*', registrations = [] }: View = {},
) {
  return snapshotFor(compileMesh(configurationIn(yaml), registrations), { namespace }, subscribed)
}

t.test('the Service of the first article finds its application', async t => {
  const app = registrationOf('my-app-1', { labels: { app: 'my-app' }, ports: [8080] })
  const { services, endpoints } = snapshot(firstServiceYaml, { registrations: [app] })
  const name = 'my-service.default:80'
  t.match(services[name], {
    port: 80,
    routes: [{ name: 'default', matches: [], backends: [{ cluster: name, weight: 1 }] }],
  })
  t.ok(services[name]?.hosts.includes('my-service'))
  t.match(endpoints[name], [{ address: '127.0.0.1', port: 8080, mesh: { port: 15_008 } }])
})

const zonedYaml = `apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ port: 80, targetPort: 8080 }] }
---
`

t.test('a caller is told its zone where that makes a difference', async t => {
  const replica = (name: string, zone: string) =>
    registrationOf(name, { labels: { app: 'orders' }, ports: [8080], zone, meshPort: zone.length })
  const caller = registrationOf('web', { zone: 'a' })
  const localityOf = (yaml: string, zones: string[], zone?: string) => {
    const replicas = zones.map((each, index) => replica(`orders-${index}`, each))
    const mesh = compileMesh(configurationIn(yaml), [...replicas, caller])
    t.equal(mesh.zones.get('default/web'), 'a')
    const made = snapshotFor(mesh, { namespace: 'default', zone }, '*')
    t.ok('snapshot' in checkSnapshot(made))
    return made.clusters['orders.default:80']?.locality
  }
  t.strictSame(localityOf(zonedYaml, ['a', 'bb'], 'a'), {
    mode: 'zone-aware',
    zone: 'a',
    overprovisioning: 1.4,
    minEndpoints: 6,
  })
  t.equal(localityOf(zonedYaml, ['a', 'a'], 'a'), undefined)
  t.equal(localityOf(zonedYaml, ['a', 'bb']), undefined)
  const off = policyYaml('orders', 'name: orders', 'loadBalancing: { locality: { mode: off } }')
  t.equal(localityOf(zonedYaml + off, ['a', 'bb'], 'a'), undefined)
  const hashing = (more: string) =>
    zonedYaml +
    policyYaml(
      'orders',
      'name: orders',
      `loadBalancing: { policy: maglev, hashOn: [{ source: true }], ${more} }`,
    )
  t.equal(localityOf(hashing(''), ['a', 'bb'], 'a'), undefined, 'a key has one place for all')
  t.match(localityOf(hashing('locality: {}'), ['a', 'bb'], 'a'), { mode: 'zone-aware' })
})

t.test(
  'endpoints have the one label that their policy asks for, and only those that it leaves',
  async t => {
    const registrations = ['v1', 'v2'].map((version, index) =>
      registrationOf(`orders-${version}`, {
        labels: { app: 'orders', version },
        ports: [8080],
        meshPort: 15_000 + index,
      }),
    )
    const labelsWith = (subset?: string) => {
      const settings = `loadBalancing: { subset: ${subset} }`
      const yaml =
        subset === undefined
          ? zonedYaml
          : zonedYaml + policyYaml('orders', 'name: orders', settings)
      return snapshot(yaml, { registrations }).endpoints['orders.default:80']?.map(
        ({ workload, labels }) => [workload, labels],
      )
    }
    t.strictSame(labelsWith(), [
      ['orders-v1', undefined],
      ['orders-v2', undefined],
    ])
    t.strictSame(labelsWith('{ byHeader: { header: x-version, label: version } }'), [
      ['orders-v1', { version: 'v1' }],
      ['orders-v2', { version: 'v2' }],
    ])
    t.strictSame(labelsWith('{ labels: { version: v2 } }'), [['orders-v2', undefined]])
    t.equal(labelsWith('{ labels: { version: v3 } }')?.length, 2)
    t.equal(labelsWith('{ labels: { version: v3 }, fallback: none }')?.length, 0)
    t.equal(labelsWith('{ labels: { toString: x }, fallback: none }')?.length, 0)
  },
)

t.test('the mesh that comes with the program splits orders between two versions', async t => {
  const file = resolve(import.meta.dirname, '../../../../config/mesh.yaml')
  const made = snapshot(readFileSync(file, 'utf8'))
  t.equal('snapshot' in checkSnapshot(made), true)
  t.same(
    made.services['orders.default:80']?.routes.map(({ backends }) => backends),
    [
      [{ cluster: 'orders-v2.default:80', weight: 1 }],
      [
        { cluster: 'orders-v1.default:80', weight: 90 },
        { cluster: 'orders-v2.default:80', weight: 10 },
      ],
    ],
  )
  t.same(made.inbound, { mtls: 'strict' })
})

t.test('the bound on the age of connections reaches every sidecar', async t => {
  const made = snapshot(`
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: shop }
spec: { maxConnectionAge: 1h }
`)
  t.same(made.inbound, { mtls: 'permissive', maxConnectionAgeMs: 3_600_000 })
})

t.test('each TCP port of a Service is a service and a cluster of its own', async t => {
  const ports = '[{ port: 80 }, { port: 81 }, { port: 53, protocol: UDP }]'
  const { services, clusters, endpoints } = snapshot(serviceYaml('orders', ports))
  const names = ['orders.default:80', 'orders.default:81']
  t.same(Object.keys(services), names)
  t.same(Object.keys(clusters), names)
  t.same(endpoints, { 'orders.default:80': [], 'orders.default:81': [] })
})

t.test('the short name of a Service is for callers of its namespace', async t => {
  const yaml = serviceYaml('orders.shop')
  const qualified = ['orders.shop', 'orders.shop.svc', 'orders.shop.svc.cluster.local']
  const hosts = (namespace: string) =>
    snapshot(yaml, { namespace }).services['orders.shop:80']?.hosts
  t.same(hosts('shop'), ['orders', ...qualified])
  t.same(hosts('default'), qualified)
})

t.test('Services of one name in two namespaces are two', async t => {
  const yaml = serviceYaml('orders') + serviceYaml('orders.shop')
  const registrations = [
    registrationOf('orders', { ports: [8080] }),
    registrationOf('orders', { namespace: 'shop', meshPort: 1 }),
  ]
  const { endpoints } = snapshot(yaml, { registrations })
  t.same(endpoints['orders.default:80'], [])
  t.match(endpoints['orders.shop:80'], [{ id: '127.0.0.1:1' }])
})

t.test('a subscription leaves out what was not asked for', async t => {
  const yaml = serviceYaml('orders') + serviceYaml('users') + serviceYaml('users.shop')
  const names = (subscribed: Subscribed) => Object.keys(snapshot(yaml, { subscribed }).services)
  t.same(names('*'), ['orders.default:80', 'users.default:80', 'users.shop:80'])
  t.same(names(['users.default']), ['users.default:80'])
  t.same(names(['users', 'unheard-of.default']), [])
  t.same(names([]), [])
})

t.test('a subscription brings the clusters that its routes lead to, and no more', async t => {
  const yaml =
    ['orders', 'orders-v2', 'users'].map(name => serviceYaml(name)).join('') +
    routeYaml('canary', '[{ kind: Service, name: orders }]', 'name: orders-v2')
  const made = snapshot(yaml, { subscribed: ['orders.default'] })
  t.same(Object.keys(made.services), ['orders.default:80'])
  t.same(Object.keys(made.clusters).toSorted(), ['orders-v2.default:80', 'orders.default:80'])
  t.same(Object.keys(made.endpoints).toSorted(), Object.keys(made.clusters).toSorted())
})

t.test('a route holds for the ports that it is attached to, once', async t => {
  const ports = '[{ port: 80 }, { port: 81 }]'
  const services = serviceYaml('orders', ports) + serviceYaml('v2')
  const routes = (parents: string) => {
    const made = snapshot(services + routeYaml('canary', parents, 'name: v2'))
    return [80, 81].map(port =>
      made.services[`orders.default:${port}`]?.routes.map(({ name }) => name),
    )
  }
  const [canary, fallback] = [['default/canary/0'], ['default']]
  t.same(routes('[{ kind: Service, name: orders }]'), [canary, canary])
  t.same(routes('[{ kind: Service, name: orders, port: 81 }]'), [fallback, canary])
  t.same(routes('[{ kind: Service, name: orders }, { kind: Service, name: orders, port: 81 }]'), [
    canary,
    canary,
  ])
})

t.test('a backend without a port has the only one for TCP', async t => {
  const ports = '[{ port: 53, protocol: UDP }, { port: 81 }]'
  const services = serviceYaml('orders') + serviceYaml('v2', ports)
  const parents = '[{ kind: Service, name: orders }]'
  const made = snapshot(services + routeYaml('canary', parents, 'name: v2'))
  t.match(made.services['orders.default:80']?.routes, [
    { backends: [{ cluster: 'v2.default:81' }] },
  ])
  t.ok(made.clusters['v2.default:81'])
})

t.test('several routes of a Service are tried in the order of their names', async t => {
  const parents = '[{ kind: Service, name: orders }]'
  const routes = ['b', 'c', 'a'].map(name => routeYaml(name, parents, 'name: orders')).join('')
  const { services } = snapshot(serviceYaml('orders') + routes)
  t.same(
    services['orders.default:80']?.routes.map(({ name }) => name),
    ['default/a/0', 'default/b/0', 'default/c/0'],
  )
})

t.test('a route of another namespace is for callers of that one only', async t => {
  const parents = '[{ kind: Service, name: orders, namespace: default }]'
  const yaml =
    serviceYaml('orders') +
    serviceYaml('mine.team') +
    routeYaml('own', parents, 'name: orders') +
    routeYaml('consumer.team', parents, 'name: mine')
  const view = (namespace: string) => snapshot(yaml, { namespace, subscribed: ['orders.default'] })
  const routes = (namespace: string) =>
    view(namespace).services['orders.default:80']?.routes.map(({ name }) => name)
  t.same(routes('default'), ['default/own/0'])
  t.same(routes('other'), ['default/own/0'])
  t.same(routes('team'), ['team/consumer/0'])
  t.notOk(view('other').clusters['mine.team:80'])
  t.ok(view('team').clusters['mine.team:80'])
})

t.test('a namespace may be called like a property of every object', async t => {
  const yaml = serviceYaml('orders.constructor')
  const { services } = snapshot(yaml, { namespace: 'constructor' })
  t.match(services['orders.constructor:80']?.routes, [{ name: 'default' }])
})

t.test('a policy for a port goes before one for the whole Service', async t => {
  const yaml =
    serviceYaml('orders', '[{ port: 80 }, { port: 81 }]') +
    serviceYaml('orders.shop') +
    policyYaml('all', 'name: orders', 'connectTimeout: 5s, retry: { attempts: 5 }') +
    policyYaml('one', 'name: orders, port: 81', 'connectTimeout: 1s')
  const { clusters, services } = snapshot(yaml)
  t.match(clusters['orders.default:80'], { connectTimeoutMs: 5000 })
  t.match(clusters['orders.default:81'], { connectTimeoutMs: 1000 })
  t.match(clusters['orders.shop:80'], { connectTimeoutMs: 1000 })
  t.match(services['orders.default:80']?.routes, [{ retry: { attempts: 5 } }])
  t.match(services['orders.default:81']?.routes, [{ retry: { attempts: 2 } }])
})

t.test('retries of a route are those of the Service that was called', async t => {
  const yaml =
    serviceYaml('orders') +
    serviceYaml('v2') +
    policyYaml('a', 'name: orders', 'retry: { attempts: 5 }') +
    policyYaml('b', 'name: v2', 'retry: { attempts: 7 }') +
    routeYaml('canary', '[{ kind: Service, name: orders }]', 'name: v2')
  t.match(snapshot(yaml).services['orders.default:80']?.routes, [{ retry: { attempts: 5 } }])
})

t.test('the version follows the content and nothing else', async t => {
  const yaml = serviceYaml('orders') + serviceYaml('users')
  const { version } = snapshot(yaml)
  t.equal(snapshot(serviceYaml('users') + serviceYaml('orders')).version, version)
  t.equal(snapshot(yaml, { subscribed: ['orders.default', 'users.default'] }).version, version)
  t.equal(snapshot(yaml, { registrations: [registrationOf('stranger')] }).version, version)
  t.not(snapshot(yaml, { registrations: [registrationOf('orders')] }).version, version)
  t.not(snapshot(yaml, { subscribed: ['orders.default'] }).version, version)
})

t.test('a route can be for the port of one name', async t => {
  const ports = '[{ name: http, port: 80 }, { name: admin, port: 81 }]'
  const yaml =
    serviceYaml('orders', ports) +
    serviceYaml('v2') +
    routeYaml('r', '[{ kind: Service, name: orders, sectionName: admin }]', 'name: v2')
  const { services } = snapshot(yaml)
  t.equal(services['orders.default:80']?.routes[0]?.name, 'default')
  t.equal(services['orders.default:81']?.routes[0]?.name, 'default/r/0')
})

t.test('an ExternalName leads out of the mesh, and a headless Service does not', async t => {
  const yaml = `apiVersion: v1
kind: Service
metadata: { name: away }
spec: { type: ExternalName, externalName: example.org, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: peers }
spec: { clusterIP: None, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: portless }
spec: { clusterIP: None }
`
  const { services } = snapshot(yaml)
  t.same(Object.keys(services), ['peers.default:80'])
  t.notOk(services['peers.default:80']?.hosts.includes('None'))
})

t.test('of two routes alike the older goes first, whatever it is called', async t => {
  const yaml =
    serviceYaml('orders') +
    ['a', 'b', 'c']
      .map(name => routeYaml(name, '[{ kind: Service, name: orders }]', 'name: orders'))
      .join('')
  const configuration = configurationIn(yaml)
  const aged = configuration.httpRoutes.map(route => {
    const creationTimestamp =
      route.metadata.name === 'a' ? '2026-02-01T00:00:00Z' : '2026-01-01T00:00:00Z'
    return { ...route, metadata: { ...route.metadata, creationTimestamp } }
  })
  const mesh = compileMesh({ ...configuration, httpRoutes: aged }, [])
  const { services } = snapshotFor(mesh, { namespace: 'default' }, '*')
  t.same(
    services['orders.default:80']?.routes.map(({ name }) => name),
    ['default/b/0', 'default/c/0', 'default/a/0'],
  )
})

t.test(
  'a rule of a route has what its TrafficPolicy says, before what the Service has',
  async t => {
    const yaml = `${serviceYaml('orders')}
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules:
    - { name: read, backendRefs: [{ name: orders, port: 80 }] }
    - { name: write, backendRefs: [{ name: orders, port: 80 }] }
---
${policyYaml('orders', 'name: orders', 'retry: { attempts: 3 }, timeouts: { request: 5s }, circuitBreaker: { openFor: 1s }')}
${policyYaml('read', 'kind: GRPCRoute, name: calls, sectionName: read', 'retry: { attempts: 1 }, hedging: { after: 5ms }, circuitBreaker: {}')}`
    const { services } = snapshot(yaml)
    const [read, write] = services['orders.default:80']?.routes ?? []
    t.match(read, { retry: { attempts: 1 }, timeoutMs: 5000, hedging: { after: { delayMs: 5 } } })
    t.equal(read?.circuitBreaker?.openMs, 5000, 'its own, with the defaults')
    t.match(write, { retry: { attempts: 3 }, timeoutMs: 5000 })
    t.equal(write?.hedging, undefined)
    t.equal(write?.circuitBreaker, undefined, 'that of the Service is for the cluster')
  },
)

t.test('what a route says of its own time comes before any policy', async t => {
  const yaml = `${serviceYaml('orders')}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules: [{ timeouts: { request: 0s }, backendRefs: [{ name: orders, port: 80 }] }]
---
${policyYaml('orders', 'name: orders', 'timeouts: { request: 5s }')}`
  t.equal(snapshot(yaml).services['orders.default:80']?.routes[0]?.timeoutMs, undefined)
})

t.test('a limit of inbound goes to the sidecars of the service, an overload to all', async t => {
  const app = registrationOf('orders-1', { labels: { app: 'orders' }, ports: [80] })
  const yaml = `${serviceYaml('orders')}
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { overload: { eventLoopDelay: { start: 50ms } } }
---
${policyYaml('orders', 'name: orders', 'adaptiveConcurrency: { maxLimit: 50 }')}`
  const mesh = compileMesh(configurationIn(yaml), [{ ...app, ready: false }])
  const of = (name: string) =>
    snapshotFor(
      mesh,
      { namespace: 'default', name, labels: { app: name.split('-')[0] ?? '' } },
      '*',
    )
  t.match(of('orders-1').inbound, {
    adaptiveConcurrency: { 80: { minLimit: 3, maxLimit: 50 } },
    overload: {
      enabled: true,
      eventLoopDelayMs: { start: 50, full: 2000 },
      heapRatio: { start: 0.85, full: 0.95 },
    },
  })
  t.equal(of('web').inbound.adaptiveConcurrency, undefined)
  t.equal(of('web').clusters['orders.default:80']?.adaptiveConcurrency, undefined)
  t.ok('snapshot' in checkSnapshot(of('orders-1')))
})
