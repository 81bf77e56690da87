// The requests that Gateway API's conformance tests send (GRPCExactMethodMatching, GRPCRouteHeaderMatching,
// GRPCRouteWeight), as a table of our own: which rule takes which call.
import t from 'tap'
import {
  compileRoutes,
  type RouteResource,
} from '../../../../../src/control/compilation/route-compiler.ts'
import { HeaderList } from '../../../../../src/http/headers.ts'
import { grpcRouteKind } from '../../../../../src/model/kinds/grpc-route.ts'
import { httpRouteKind } from '../../../../../src/model/kinds/http-route.ts'
import { RouteIndex } from '../../../../../src/proxy/routing/route-index.ts'
import { requestHead } from '../../../../support/requests.ts'

function routeOf(name: string, ...matches: object[]): RouteResource {
  return grpcRouteKind.parse({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: { name, namespace: 'shop' },
    spec: {
      parentRefs: [{ kind: 'Service', name: 'orders' }],
      rules: matches.map(match => ({ matches: [match], backendRefs: [{ name: 'orders' }] })),
    },
  })
}

function compile(...routes: RouteResource[]) {
  return compileRoutes(routes, {
    retry: { attempts: 2, statuses: [503], grpcStatuses: [14], backoffMs: 25 },
    clusterOf: ({ name }) => name,
    sessionKey: 'key',
  })
}

/** Number of the rule that takes a call; undefined: none. */
function takenBy(routes: ReturnType<typeof compile>, path: string, fields = {}, method = 'POST') {
  const request = requestHead({ method, path, headers: HeaderList.of(fields) })
  const name = routes[new RouteIndex(routes).find(request)]?.name
  return name === undefined ? undefined : Number(name.split('/').at(-1))
}

const exact = (service?: string, method?: string) => ({ method: { service, method } })
const regex = (service?: string, method?: string) => ({
  method: { type: 'RegularExpression', service, method },
})

t.test('service and method, a service, a method', async t => {
  const routes = compile(
    routeOf('r', exact('shop.Orders', 'Get'), exact('shop.Orders'), exact(undefined, 'List')),
  )
  t.equal(takenBy(routes, '/shop.Orders/Get'), 0)
  t.equal(takenBy(routes, '/shop.Orders/Put'), 1)
  t.equal(takenBy(routes, '/shop.Orders/List'), 1, 'a service goes before a method')
  t.equal(takenBy(routes, '/shop.Payments/List'), 2)
  t.equal(takenBy(routes, '/shop.Payments/Get'), undefined)
  t.equal(takenBy(routes, '/shop.Orders2/Get'), undefined)
  t.equal(takenBy(routes, '/shop.Orders/Get/x'), 1)
  t.equal(takenBy(routes, '/shop.Orders/Get', {}, 'GET'), undefined, 'a call is a POST')
})

t.test('patterns fit whole names', async t => {
  const routes = compile(
    routeOf('r', regex('shop[.](Orders|Payments)', 'Get.*'), regex(undefined, 'Li.t')),
  )
  t.equal(takenBy(routes, '/shop.Orders/GetAll'), 0)
  t.equal(takenBy(routes, '/shop.Orders2/GetAll'), undefined)
  t.equal(takenBy(routes, '/other/List'), 1)
  t.equal(takenBy(routes, '/other/Lists'), undefined)
})

t.test('a rule without matches takes every call', async t => {
  const [resource] = [routeOf('r', {})]
  t.equal(takenBy(compile(resource as RouteResource), '/any/Thing'), 0)
})

t.test('headers are asked for, whatever their case', async t => {
  const headers = [{ name: 'X-Version', value: 'two' }]
  const routes = compile(
    routeOf('r', { headers }, { headers: [...headers, { name: 'color', value: 'blue' }] }),
  )
  t.equal(takenBy(routes, '/a.B/C', { 'x-version': 'two' }), 0)
  t.equal(
    takenBy(routes, '/a.B/C', { 'x-version': 'two', color: 'blue' }),
    1,
    'more headers go first',
  )
  t.equal(takenBy(routes, '/a.B/C', { 'x-version': 'three' }), undefined)
})

t.test(
  'the longest service goes first, then the longest method, then names before patterns',
  async t => {
    const routes = compile(
      routeOf(
        'r',
        exact('a.B'),
        exact('a.B', 'Get'),
        exact('a.Bee'),
        regex('a[.].*'),
        exact('a.B', 'GetAll'),
      ),
    )
    t.same(
      routes.map(({ name }) => name.split('/').at(-1)),
      ['2', '4', '1', '0', '3'],
    )
  },
)

t.test('routes of one kind hold for a port, those for gRPC if there are any', async t => {
  const http = httpRouteKind.parse({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { parentRefs: [{ kind: 'Service', name: 'orders' }], rules: [{}] },
  })
  t.same(
    compile(http, routeOf('r', exact('a.B'))).map(({ name }) => name),
    ['shop/r/0'],
  )
})

t.test("the Service's policy says which statuses are tried again", async t => {
  const [route] = compile(routeOf('r', exact('a.B')))
  t.same(route?.retry.grpcStatuses, [14])
})
