import t from 'tap'
import { httpRouteKind } from '../../../../src/model/kinds/http-route.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const route = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'orders' },
  spec: { parentRefs: [{ kind: 'Service', name: 'orders' }], rules: [{}] },
}

const mirror = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'shadow' } } }

t.test('a parent and an empty rule are enough', async t => {
  t.same(httpRouteKind.parse(route).spec, {
    parentRefs: [{ kind: 'Service', name: 'orders' }],
    rules: [{ matches: [], filters: [], backendRefs: [] }],
  })
})

t.test('what a match leaves out is as Gateway API says', async t => {
  const match = {
    path: {},
    headers: [{ name: 'X-User', value: 'a' }],
    queryParams: [{ name: 'q', value: 'b' }],
  }
  const rules = [{ matches: [{}, match], backendRefs: [{ name: 'orders' }] }]
  const [rule] = httpRouteKind.parse({ ...route, spec: { ...route.spec, rules } }).spec.rules
  t.same(rule?.matches, [
    { headers: [], queryParams: [] },
    {
      path: { type: 'PathPrefix', value: '/' },
      headers: [{ name: 'X-User', type: 'Exact', value: 'a' }],
      queryParams: [{ name: 'q', type: 'Exact', value: 'b' }],
    },
  ])
  t.same(rule?.backendRefs, [{ kind: 'Service', name: 'orders', weight: 1, filters: [] }])
})

t.test('every field has its bounds', async t => {
  const rules = [
    {
      matches: [
        {
          path: { type: 'Exact', value: '/a' },
          headers: [{ name: 'x-user', value: 'a' }],
          queryParams: [{ name: 'q', value: 'b' }],
        },
      ],
      backendRefs: [{ name: 'orders' }],
    },
  ]
  const full = { ...route, spec: { ...route.spec, rules } }
  checkFaults(t, httpRouteKind, full, [
    ['apiVersion', 'gateway.networking.k8s.io/v2', /v1beta1/],
    ['spec.parentRefs', [], />=1 items/],
    ['spec.parentRefs.0.kind', 'Gateway', /only routes for a Service are supported/],
    ['spec.parentRefs.0.kind', undefined, /only routes for a Service are supported/],
    ['spec.parentRefs.0.group', 'gateway.networking.k8s.io', /expected ""/],
    ['spec.parentRefs.0.name', 'Orders', /lower-case/],
    ['spec.parentRefs.0.namespace', 'Team', /lower-case/],
    ['spec.parentRefs.0.port', 0, />=1/],
    ['spec.hostnames', ['example.org'], /match the header "Host"/],
    ['spec.rules', [], />=1 items/],
    ['spec.rules.0.filters', Array.from({ length: 17 }, () => mirror), /<=16 items/],
    ['spec.rules.0.matches.0.path.value', '/a//b', /must hold no/],
    ['spec.rules.0.matches.0.path.value', '/a/..', /must hold no/],
    ['spec.rules.0.matches.0.path.value', '/a%2Fb', /must hold no/],
    ['spec.rules.0.matches', Array.from({ length: 65 }, () => ({})), /<=64 items/],
    ['spec.rules.0.matches.0.path.type', 'Glob', /"Exact"/],
    ['spec.rules.0.matches.0.path.value', 'a', /must start with "\/"/],
    ['spec.rules.0.matches.0.path.value', `/${'a'.repeat(1024)}`, /<=1024 characters/],
    ['spec.rules.0.matches.0.method', 'get', /"GET"/],
    ['spec.rules.0.matches.0.headers.0.name', 'x user', /no header name/],
    ['spec.rules.0.matches.0.headers.0.type', 'Prefix', /"Exact"/],
    ['spec.rules.0.matches.0.headers.0.value', undefined, /expected string/],
    ['spec.rules.0.matches.0.queryParams.0.name', '', />=1 characters/],
    ['spec.rules.0.backendRefs.0.kind', 1, /expected string/],
    [
      'spec.rules.0.backendRefs.0.filters',
      [{ type: 'CORS', cors: {} }],
      /put CORS among the filters/,
    ],
    ['spec.rules.0.backendRefs.0.name', 'Orders', /lower-case/],
    ['spec.rules.0.backendRefs.0.namespace', 'Team', /lower-case/],
    ['spec.rules.0.backendRefs.0.port', 0, />=1/],
    ['spec.rules.0.backendRefs.0.weight', -1, />=0/],
    ['spec.rules.0.backendRefs.0.weight', 1_000_001, /<=1000000/],
    ['spec.rules.0.timeouts.request', 'soon', /no duration/],
    ['spec.rules.0.timeouts.backendRequest', 'soon', /no duration/],
    ['spec.rules.0.retry.codes.0', 200, />=400/],
    ['spec.rules.0.retry.attempts', 11, /<=10/],
    ['spec.rules.0.retry.backoff', 'soon', /no duration/],
  ])
  checkTaken(t, httpRouteKind, full, [
    ['apiVersion', 'gateway.networking.k8s.io/v1beta1'],
    ['spec.rules.0.backendRefs.0.weight', 0],
    ['spec.hostnames', []],
    ['status', { parents: [] }],
  ])
})

t.test('a regular expression that could take too long is refused wherever it stands', async t => {
  const slow = { type: 'RegularExpression', value: '(a+)+' }
  const match = 'spec.rules.0.matches.0'
  checkFaults(t, httpRouteKind, route, [
    [`${match}.path`, slow, /double/, `${match}.path.value`],
    [`${match}.headers.0`, { name: 'x', ...slow }, /double/, `${match}.headers.0.value`],
    [`${match}.queryParams.0`, { name: 'q', ...slow }, /double/, `${match}.queryParams.0.value`],
  ])
})

t.test('a try may not last longer than the whole request', async t => {
  const timed = (request: string, backendRequest: string) => ({
    ...route,
    spec: { ...route.spec, rules: [{ timeouts: { request, backendRequest } }] },
  })
  const { issues } = httpRouteKind.safeParse(timed('1s', '1001ms')).error ?? {}
  t.match(issues, [{ path: ['spec', 'rules', 0, 'timeouts', 'backendRequest'] }])
  t.ok(httpRouteKind.safeParse(timed('1s', '1s')).success)
  t.ok(httpRouteKind.safeParse(timed('0s', '1s')).success, '0s is no limit')
})

const toPrefix = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' }
const rewrite = { type: 'URLRewrite', urlRewrite: { path: toPrefix } }
const redirect = { type: 'RequestRedirect', requestRedirect: { path: toPrefix } }

function faultsOf(rule: object): string[] {
  const parsed = httpRouteKind.safeParse({ ...route, spec: { ...route.spec, rules: [rule] } })
  return (parsed.error?.issues ?? []).map(
    ({ path, message }) => `${path.slice(3).join('.')}: ${message}`,
  )
}

t.test('a prefix is replaced where exactly one prefix is matched', async t => {
  const needed = 'ReplacePrefixMatch needs a rule with exactly one match, of the type PathPrefix'
  const prefix = { path: { value: '/a' } }
  const exact = { path: { type: 'Exact', value: '/a' } }
  t.same(faultsOf({ matches: [prefix], filters: [rewrite] }), [])
  t.same(faultsOf({ filters: [redirect] }), [], 'without a match it is the prefix "/"')
  t.same(faultsOf({ matches: [exact], filters: [redirect] }), [`filters.0: ${needed}`])
  t.same(faultsOf({ matches: [prefix, prefix], filters: [rewrite] }), [`filters.0: ${needed}`])
  const backendRefs = [{ name: 'a', filters: [rewrite] }]
  t.same(faultsOf({ matches: [exact], backendRefs }), [`backendRefs.0.filters.0: ${needed}`])
})

t.test('a redirect has no backends, and a rewrite stands in one place', async t => {
  t.same(faultsOf({ filters: [redirect], backendRefs: [{ name: 'a' }] }), [
    'backendRefs: RequestRedirect answers the request: leave backendRefs out',
  ])
  t.same(faultsOf({ filters: [rewrite], backendRefs: [{ name: 'a', filters: [rewrite] }] }), [
    'backendRefs.0.filters: the rule has a URLRewrite already: give it here or there',
  ])
})
