import t from 'tap'
import { compileRoutes } from '../../../../src/control/compilation/route-compiler.ts'
import { httpRouteKind } from '../../../../src/model/kinds/http-route.ts'
import type { RetryPolicy } from '../../../../src/model/route.ts'

const retry: RetryPolicy = { attempts: 2, statuses: [503], backoffMs: 25, perTryTimeoutMs: 100 }

function routeOf(name: string, ...rules: object[]) {
  return httpRouteKind.parse({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'shop' },
    spec: { parentRefs: [{ kind: 'Service', name: 'orders' }], rules },
  })
}

function compile(...routes: ReturnType<typeof routeOf>[]) {
  return compileRoutes(routes, {
    retry,
    clusterOf: ({ name: service, namespace, port }) => `${service}.${namespace}:${port ?? 'only'}`,
    sessionKey: 'key',
  })
}

/** The rules with these matches, each known by its number, in the order in which they are tried. */
function order(...matches: object[][]): string[] {
  const rules = matches.map(each => ({ matches: each }))
  return compile(routeOf('r', ...rules)).map(({ name }) => name.replace('shop/r/', ''))
}

const path = (value: string, type = 'PathPrefix') => ({ path: { type, value } })
const headers = (count: number) => ({
  headers: Array.from({ length: count }, (_, index) => ({ name: `x-${index}`, value: 'a' })),
})
const query = (count: number) => ({
  queryParams: Array.from({ length: count }, (_, index) => ({ name: `q${index}`, value: 'a' })),
})

t.test('a rule without matches takes every request', async t => {
  const [route, ...others] = compile(routeOf('r', { backendRefs: [{ name: 'v1' }] }))
  t.same(others, [])
  t.strictSame(route, {
    name: 'shop/r/0',
    matches: [{ headers: [], query: [] }],
    backends: [{ cluster: 'v1.shop:only', weight: 1 }],
    retry,
  })
})

t.test('every kind of match is kept, and names of headers are lower-case', async t => {
  const match = {
    method: 'POST',
    path: { type: 'RegularExpression', value: '/v[0-9]+' },
    headers: [
      { name: 'X-User', value: 'Ann' },
      { name: 'Host', type: 'RegularExpression', value: 'a|b' },
    ],
    queryParams: [
      { name: 'Page', value: '1' },
      { name: 'size', type: 'RegularExpression', value: '[0-9]+' },
    ],
  }
  t.strictSame(compile(routeOf('r', { matches: [match] }))[0]?.matches, [
    {
      method: 'POST',
      path: { kind: 'regex', value: '/v[0-9]+' },
      headers: [
        { name: 'x-user', kind: 'exact', value: 'Ann' },
        { name: 'host', kind: 'regex', value: 'a|b' },
      ],
      query: [
        { name: 'Page', kind: 'exact', value: '1' },
        { name: 'size', kind: 'regex', value: '[0-9]+' },
      ],
    },
  ])
  const paths = compile(routeOf('r', { matches: [path('/a', 'Exact'), path('/b')] }))
  t.strictSame(
    paths.map(({ matches }) => matches[0]?.path),
    [
      { kind: 'exact', value: '/a' },
      { kind: 'prefix', value: '/b' },
    ],
  )
})

t.test('backends keep their weights, namespaces and ports', async t => {
  const backendRefs = [
    { name: 'v1', weight: 90 },
    { name: 'v2', namespace: 'team', port: 81, weight: 0 },
  ]
  t.strictSame(compile(routeOf('r', { backendRefs }))[0]?.backends, [
    { cluster: 'v1.shop:only', weight: 90 },
    { cluster: 'v2.team:81', weight: 0 },
  ])
})

t.test('each match of a rule becomes a route, with the same name and backends', async t => {
  const rule = { matches: [path('/a'), path('/b')], backendRefs: [{ name: 'v1' }] }
  const routes = compile(routeOf('r', rule))
  t.same(
    routes.map(({ name, backends }) => [name, backends[0]?.cluster]),
    [
      ['shop/r/0', 'v1.shop:only'],
      ['shop/r/0', 'v1.shop:only'],
    ],
  )
})

t.test('an exact path goes before a regular expression, and that before any prefix', async t => {
  t.same(
    order(
      [path('/a/long/prefix')],
      [path('/a.*', 'RegularExpression')],
      [path('/', 'Exact')],
      [{}],
    ),
    ['2', '1', '0', '3'],
  )
})

t.test('of two prefixes the longer goes first, whatever else they ask for', async t => {
  t.same(order([{ ...path('/a'), method: 'GET', ...headers(3) }], [path('/a/b')]), ['1', '0'])
})

t.test('the slash at the end of a prefix does not count', async t => {
  t.same(order([path('/a/')], [{ ...path('/a'), method: 'GET' }]), ['1', '0'])
})

t.test('no path is the same as the prefix "/"', async t => {
  t.same(order([path('/')], [headers(1)], [{ ...path('/'), ...headers(2) }]), ['2', '1', '0'])
})

t.test('then come a method, more headers, more query parameters, in this order', async t => {
  t.same(
    order(
      [{}],
      [query(1)],
      [query(2)],
      [headers(1)],
      [{ ...headers(1), ...query(1) }],
      [headers(2)],
      [{ method: 'GET' }],
    ),
    ['6', '5', '4', '3', '2', '1', '0'],
  )
})

t.test('what is equal stays in the order of routes and rules', async t => {
  const rule = { matches: [path('/a')] }
  t.same(
    compile(routeOf('a', rule, rule), routeOf('b', rule)).map(({ name }) => name),
    ['shop/a/0', 'shop/a/1', 'shop/b/0'],
  )
})

t.test('the matches of several routes are sorted together', async t => {
  t.same(
    compile(
      routeOf('a', { matches: [path('/a'), path('/x', 'Exact')] }),
      routeOf('b', { matches: [path('/a/b')] }, {}),
    ).map(({ name }) => name),
    ['shop/a/0', 'shop/b/0', 'shop/a/0', 'shop/b/1'],
  )
})

t.test('a rule may limit the request and each try, and 0s lifts a limit', async t => {
  const [route] = compile(routeOf('r', { timeouts: { request: '10s', backendRequest: '1s' } }))
  t.match(route, { timeoutMs: 10_000, retry: { perTryTimeoutMs: 1000, limitsWholeTry: true } })
  const [free] = compile(routeOf('r', { timeouts: { request: '0s', backendRequest: '0s' } }))
  t.notOk('timeoutMs' in Object(free))
  t.strictSame(free?.retry, { attempts: 2, statuses: [503], backoffMs: 25 })
})

t.test('a rule changes of the policy for retries what it says', async t => {
  const [some] = compile(routeOf('r', { retry: { attempts: 0 } }))
  t.strictSame(some?.retry, { ...retry, attempts: 0 })
  const [all] = compile(routeOf('r', { retry: { attempts: 1, codes: [500], backoff: '1s' } }))
  t.strictSame(all?.retry, {
    attempts: 1,
    statuses: [500],
    backoffMs: 1000,
    leastBackoffMs: 1000,
    perTryTimeoutMs: 100,
  })
})

t.test('the weight of backends that do not exist is kept apart', async t => {
  const compiled = compileRoutes(
    [
      routeOf(
        'r',
        { backendRefs: [{ name: 'v1', weight: 8 }, { name: 'no', weight: 1 }, { name: 'no' }] },
        { backendRefs: [{ name: 'no', weight: 0 }] },
      ),
    ],
    { retry, clusterOf: ({ name }) => (name === 'no' ? undefined : name), sessionKey: 'key' },
  )
  t.match(compiled, [
    { backends: [{ cluster: 'v1', weight: 8 }], invalidWeight: 2 },
    { backends: [], invalidWeight: undefined },
  ])
})
