import t from 'tap'
import {
  compileMesh,
  snapshotFor,
} from '../../../../../src/control/compilation/snapshot-builder.ts'
import { checkSnapshot } from '../../../../../src/model/snapshot-check/snapshot-check.ts'
import { configurationIn, serviceYaml } from '../../../model/configurations.ts'

function entryYaml(spec: object, name = 'api'): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: ServiceEntry
metadata: { name: ${name}, namespace: team }
spec: ${JSON.stringify(spec)}
---`
}

function snapshot(yaml: string, namespace = 'default') {
  const made = snapshotFor(compileMesh(configurationIn(yaml), []), { namespace }, '*')
  t.match(checkSnapshot(made), { snapshot: {} })
  return made
}

t.test(
  'each host and port is a service of its own, which all namespaces know by its name',
  async t => {
    const { services, clusters, endpoints } = snapshot(
      entryYaml({
        hosts: ['api.example.com', 'www.example.com'],
        ports: [
          { number: 80, protocol: 'http', targetPort: 443 },
          { number: 443, protocol: 'tls' },
        ],
        tls: { caFile: '/ca.pem' },
      }),
    )
    t.same(Object.keys(services), [
      'api.example.com:80',
      'api.example.com:443',
      'www.example.com:80',
      'www.example.com:443',
    ])
    t.same(services['www.example.com:80']?.hosts, ['www.example.com'])
    t.match(clusters['www.example.com:80'], {
      appProtocol: 'http',
      discovery: 'dns',
      connectTimeoutMs: 5000,
      tls: { serverName: 'www.example.com', caFile: '/ca.pem' },
    })
    t.match(clusters['www.example.com:443'], { appProtocol: 'tcp', tls: undefined })
    t.match(endpoints['www.example.com:80'], [{ address: 'www.example.com', port: 443 }])
  },
)

t.test('addresses of raw bytes are names, since a captured connection has no other', async t => {
  const entry = {
    hosts: ['db.example.com'],
    ports: [{ number: 5432, protocol: 'tcp' }],
    resolution: 'static',
    endpoints: [{ address: '10.0.0.5' }, { address: 'fd00::5' }, { address: '10.0.0.6', port: 1 }],
  }
  const { services, clusters, endpoints } = snapshot(entryYaml(entry))
  t.same(services['db.example.com:5432']?.hosts, ['db.example.com', '10.0.0.5', '[fd00::5]'])
  t.equal(clusters['db.example.com:5432']?.discovery, undefined)
  t.same(
    endpoints['db.example.com:5432']?.map(({ id }) => id),
    ['10.0.0.5:5432', '[fd00::5]:5432', '10.0.0.6:1'],
  )
})

t.test('an entry is known where it is exported to', async t => {
  const ports = [{ number: 80, protocol: 'http' }]
  const known = (exportTo: string[], namespace: string): boolean =>
    'a.b:80' in snapshot(entryYaml({ hosts: ['a.b'], ports, exportTo }), namespace).services
  t.same(
    ['team', 'default', 'shop'].map(namespace => known(['.', 'shop'], namespace)),
    [true, false, true],
  )
  t.ok(known(['*'], 'default'))
})

t.test('a Service is not taken over by an entry that has its name', async t => {
  const ports = [{ number: 80, protocol: 'http' }]
  for (const host of ['orders', 'orders.default', 'orders.default.svc.cluster.local']) {
    const { services } = snapshot(serviceYaml('orders') + entryYaml({ hosts: [host], ports }))
    t.same(Object.keys(services), ['orders.default:80'])
  }
})

t.test('a policy for the entry, and one for its port, hold for its clusters alone', async t => {
  const policy = (name: string, target: string, ms: number): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: team }
spec: { targetRef: { ${target} }, connectTimeout: ${ms}ms }
---`
  const ports = [80, 81].map(number => ({ number, protocol: 'http' }))
  const { clusters } = snapshot(
    serviceYaml('api.team') +
      entryYaml({ hosts: ['a.b'], ports }) +
      policy('one', 'kind: ServiceEntry, name: api', 1) +
      policy('two', 'kind: ServiceEntry, name: api, port: 81', 2) +
      policy('three', 'name: api', 3),
  )
  const timeouts = Object.values(clusters).map(cluster => [cluster.name, cluster.connectTimeoutMs])
  t.same(timeouts, [
    ['api.team:80', 3],
    ['a.b:80', 1],
    ['a.b:81', 2],
  ])
})

t.test('a sidecar refuses TLS that it could not work by', async t => {
  const made = snapshot(
    entryYaml({ hosts: ['a.b'], ports: [{ number: 80, protocol: 'http' }], tls: {} }),
  )
  const cluster = made.clusters['a.b:80']
  for (const [tls, path] of [
    [{}, 'serverName'],
    [{ serverName: 'a', subjectAltNames: [1] }, 'subjectAltNames'],
    [{ serverName: 'a', caFile: 1 }, 'caFile'],
    [{ serverName: 'a', client: { keyFile: 'k' } }, 'client'],
  ] as const)
    t.match(checkSnapshot({ ...made, clusters: { 'a.b:80': { ...cluster, tls } } }), {
      problems: [{ path: `clusters.a.b:80.tls.${path}` }],
    })
  t.match(checkSnapshot({ ...made, clusters: { 'a.b:80': { ...cluster, discovery: 'srv' } } }), {
    problems: [{ path: 'clusters.a.b:80.discovery', message: 'unknown: "srv"' }],
  })
})
