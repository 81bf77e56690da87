import t from 'tap'
import { grpcRouteKind, rpcPathPattern } from '../../../../src/model/kinds/grpc-route.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const route = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'GRPCRoute',
  metadata: { name: 'orders' },
  spec: {
    parentRefs: [{ kind: 'Service', name: 'orders' }],
    rules: [{ matches: [{ method: { service: 'shop.Orders', method: 'Get' } }] }],
  },
}

const method = 'spec.rules.0.matches.0.method'

t.test('a parent and an empty rule are enough', async t => {
  const { spec } = grpcRouteKind.parse({ ...route, spec: { ...route.spec, rules: [{}] } })
  t.same(spec.rules, [{ matches: [], filters: [], backendRefs: [] }])
})

t.test('a match is one of names unless it says otherwise, and an empty name is none', async t => {
  const rules = [{ matches: [{ method: { service: 'shop.Orders', method: '' } }] }]
  const [rule] = grpcRouteKind.parse({ ...route, spec: { ...route.spec, rules } }).spec.rules
  t.match(rule?.matches, [{ method: { type: 'Exact', service: 'shop.Orders', method: undefined } }])
})

t.test('every field has its bounds', async t => {
  checkFaults(t, grpcRouteKind, route, [
    ['apiVersion', 'gateway.networking.k8s.io/v1alpha2', /expected "gateway/],
    ['spec.parentRefs.0.kind', 'Gateway', /only routes for a Service/],
    ['spec.hostnames', ['orders'], /mean nothing for a Service/],
    ['spec.rules', [], /1/],
    ['spec.rules.0.timeouts', { request: '1s' }, /timeouts/, 'spec.rules.0'],
    [
      'spec.rules.0.filters.0',
      { type: 'URLRewrite' },
      /unknown filter "URLRewrite"; known here: RequestHeaderModifier/,
      'spec.rules.0.filters.0.type',
    ],
    [method, {}, /a service, a method, or both/],
    [method, { service: '', method: '' }, /a service, a method, or both/],
    [`${method}.type`, 'Prefix', /Exact/],
    [`${method}.service`, 'shop/Orders', /no gRPC service/],
    [`${method}.service`, 'shop..Orders', /no gRPC service/],
    [`${method}.method`, 'Get/', /no gRPC method/],
    [`${method}.method`, 'a'.repeat(1025), /1024/],
    [
      method,
      { type: 'RegularExpression', service: '^shop' },
      /whole name already/,
      `${method}.service`,
    ],
    [
      method,
      { type: 'RegularExpression', method: 'Get$' },
      /whole name already/,
      `${method}.method`,
    ],
    [method, { type: 'RegularExpression', method: '(' }, /./, `${method}.method`],
  ])
  checkTaken(t, grpcRouteKind, route, [
    [`${method}.service`, '.shop.v1.Orders'],
    [`${method}.service`, undefined],
    [`${method}.method`, undefined],
    [method, { type: 'RegularExpression', service: 'shop[.^$].+' }],
    ['spec.rules.0.matches.0.headers', [{ name: 'X-User', value: 'a' }]],
    ['spec.rules.0.backendRefs', [{ name: 'orders', weight: 0 }]],
  ])
})

t.test('the path of a call is made of both names, each compared as a whole', async t => {
  t.equal(rpcPathPattern({ service: 'a|b' }), '/(?:a|b)/.*')
  t.equal(rpcPathPattern({ method: 'Get' }), '/[^/]+/(?:Get)')
  t.equal(rpcPathPattern({ service: 'a', method: 'b' }), '/(?:a)/(?:b)')
})
