import t from 'tap'
import type { Service } from '../../../../src/model/service.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import type { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'
import { matchRoute, pickBackend, RouteTable } from '../../../../src/proxy/routing/router.ts'
import type { Filter } from '../../../../src/proxy/exchange/filter.ts'
import { applyResponseFilters } from '../../../../src/proxy/routing/filters/apply-filters.ts'
import { clusterPolicy } from '../../../support/policies.ts'
import { requestHead, responseHead } from '../../../support/requests.ts'
import { routedExchange } from '../../../support/routing.ts'

const retry = { attempts: 2, statuses: [503], backoffMs: 25 }

function service(name: string, port: number, routes: Service['routes'] = []): Service {
  const cluster = `${name}.default:${port}`
  const fallback = { name: 'default', matches: [], backends: [{ cluster, weight: 1 }], retry }
  const hosts = [name, `${name}.default`]
  return { name: cluster, hosts, port, routes: routes.length > 0 ? routes : [fallback] }
}

function tableOf(t: { teardown(handler: () => void): void }, services: Service[]) {
  const environment = {
    pools: { lend: () => ({}) as ConnectionPool, giveBack: () => {} },
    now: () => 0,
    wallNow: () => 0,
    random: () => 0,
  }
  const clusters = new Map(
    services.map(({ name }) => [name, new ActiveCluster(clusterPolicy({ name }), [], environment)]),
  )
  t.teardown(() => clusters.forEach(cluster => cluster.close()))
  const snapshot: Snapshot = {
    version: '1',
    services: Object.fromEntries(services.map(each => [each.name, each])),
    clusters: {},
    endpoints: {},
    inbound: { mtls: 'strict' },
    outbound: { trafficPolicy: 'allowAny' },
  }
  return new RouteTable(snapshot, clusters, environment)
}

t.test(
  'a service is found by each of its names, with its port or, on port 80, without',
  async t => {
    const table = tableOf(t, [service('orders', 80), service('payments', 9000)])
    t.equal(table.service('orders')?.name, 'orders.default:80')
    t.equal(table.service('orders:80')?.name, 'orders.default:80')
    t.equal(table.service('orders.default:80')?.name, 'orders.default:80')
    t.equal(table.service('orders:81'), undefined)
    t.equal(table.service('nobody'), undefined)
    t.equal(table.service('__proto__'), undefined)
  },
)

t.test('a service with one port other than 80 is found without it too', async t => {
  const table = tableOf(t, [service('payments', 9000)])
  t.equal(table.service('payments')?.name, 'payments.default:9000')
})

t.test('of several ports only 80 goes without saying', async t => {
  const table = tableOf(t, [service('shop', 80), service('shop', 81)])
  t.equal(table.service('shop')?.name, 'shop.default:80')
  t.equal(table.service('shop:81')?.name, 'shop.default:81')
})

t.test('the first route that matches wins', async t => {
  const routes = [
    { name: 'v2', matches: [{ path: { kind: 'prefix', value: '/v2' } as const }] },
    { name: 'rest', matches: [] },
  ].map(route => ({ ...route, backends: [], retry }))
  const orders = tableOf(t, [service('orders', 80, routes)]).service('orders')
  if (orders === undefined) throw new Error('orders was not found')
  t.equal(matchRoute(orders, requestHead({ path: '/v2/x' }))?.name, 'v2')
  t.equal(matchRoute(orders, requestHead({ path: '/x' }))?.name, 'rest')
})

t.test('backends share the traffic by weight and weight 0 takes none', async t => {
  const backends = [
    { cluster: 'a.default:80', weight: 9 },
    { cluster: 'b.default:80', weight: 1 },
    { cluster: 'c.default:80', weight: 0 },
  ]
  const split = service('split', 80, [{ name: 'split', matches: [], backends, retry }])
  const table = tableOf(t, [split, ...['a', 'b', 'c'].map(name => service(name, 80))])
  const [route] = table.service('split')?.routes ?? []
  if (route === undefined) throw new Error('the route is missing')
  const at = (point: number) => pickBackend(route, () => point)?.cluster.name
  t.equal(at(0), 'a.default:80')
  t.equal(at(0.89), 'a.default:80')
  t.equal(at(0.91), 'b.default:80')
  t.equal(at(0.999999), 'b.default:80')
})

t.test('the share of backends that do not exist goes to nobody', async t => {
  const valid = { cluster: 'orders.default:80', weight: 3 }
  const backends = [valid]
  const route = { name: 'r', matches: [], backends, invalidWeight: 1, retry }
  const lost = { name: 'lost', matches: [], backends: [], invalidWeight: 2, retry }
  const table = tableOf(t, [service('orders', 80, [route, lost])])
  const [some, none] = table.service('orders')?.routes ?? []
  if (some === undefined || none === undefined) throw new Error('there is no route')
  const picked = (random: number) => pickBackend(some, () => random)?.cluster.name
  t.same([0, 0.74].map(picked), ['orders.default:80', 'orders.default:80'])
  t.same([0.75, 0.999].map(picked), [undefined, undefined])
  t.equal(
    pickBackend(none, () => 0),
    undefined,
  )
})

t.test('a route whose weights are all 0 has no cluster to offer', async t => {
  const backends = [{ cluster: 'a.default:80', weight: 0 }]
  const routes = [{ name: 'none', matches: [], backends, retry }]
  const [route] = tableOf(t, [service('a', 80, routes)]).service('a')?.routes ?? []
  if (route === undefined) throw new Error('the route is missing')
  t.equal(
    pickBackend(route, () => 0),
    undefined,
  )
})

t.test('answers pass the filters of the backend, then those of the route, in reverse', async t => {
  const setting = (value: string) =>
    ({
      kind: 'response-headers',
      remove: [],
      set: [],
      add: [{ name: 'x-order', value }],
    }) as const
  const backends = [{ cluster: 'a.default:80', weight: 1, filters: [setting('backend')] }]
  const filters = [setting('second of the route'), setting('first of the route')]
  const routes = [{ name: 'r', matches: [], backends, retry, filters: filters.toReversed() }]
  const [route] = tableOf(t, [service('a', 80, routes)]).service('a')?.routes ?? []
  const orderOf = (responseFilters: readonly Filter[] | undefined) => {
    const head = responseHead(200)
    applyResponseFilters(routedExchange({}, responseFilters).exchange, head)
    return head.headers.getAll('x-order')
  }
  const ofRoute = ['second of the route', 'first of the route']
  t.same(orderOf(route?.responseFilters), ofRoute)
  t.same(orderOf(route?.backends[0]?.responseFilters), ['backend', ...ofRoute])
  t.equal(route?.filters, undefined, 'requests pass none')
})

t.test('a route without filters and sessions asks nothing of a request', async t => {
  const [route] = tableOf(t, [service('a', 80)]).service('a')?.routes ?? []
  t.match(route, { filters: undefined, responseFilters: undefined, session: undefined })
  t.match(route?.backends, [{ filters: undefined, responseFilters: undefined }])
})

t.test('what is too long for a name of a host is not compared with wildcards', async t => {
  const wildcard = { ...service('any', 80), hosts: ['*.example.com'] }
  const table = tableOf(t, [wildcard])
  t.equal(table.service('a.b.example.com')?.name, wildcard.name)
  t.equal(table.service(`${'a.'.repeat(120)}example.com`)?.name, wildcard.name)
  t.equal(table.service(`${'a.'.repeat(30_000)}example.com`), undefined)
})
