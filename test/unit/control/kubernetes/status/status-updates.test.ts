import t from 'tap'
import { statusUpdates } from '../../../../../src/control/kubernetes/status/status-updates.ts'
import type { ParentReference } from '../../../../../src/control/kubernetes/status/status-target.ts'
import type { Configuration } from '../../../../../src/model/configuration.ts'
import { authorizationPolicyKind } from '../../../../../src/model/kinds/authorization-policy.ts'
import { grpcRouteKind } from '../../../../../src/model/kinds/grpc-route.ts'
import { httpRouteKind } from '../../../../../src/model/kinds/http-route.ts'
import { serviceKind } from '../../../../../src/model/kinds/service.ts'
import { trafficPolicyKind } from '../../../../../src/model/kinds/traffic-policy.ts'
import { configurationIn } from '../../../model/configurations.ts'

function service(name: string, spec: object = {}) {
  return serviceKind.parse({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: {
      ports: [
        { name: 'http', port: 80 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ],
      ...spec,
    },
  })
}

const orders = { group: '', kind: 'Service', name: 'orders' }

/** For these parents, with these backends. */
function routeOf(kind: string, name: string, parentRefs: object[], backendRefs: object[]) {
  const [route, namespace = 'shop'] = name.split('.')
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name: route, namespace },
    spec: { parentRefs, rules: [{ backendRefs }] },
  }
}

function httpRoute(name: string, parentRefs: object[] = [orders], backendRefs: object[] = []) {
  return httpRouteKind.parse(routeOf('HTTPRoute', name, parentRefs, backendRefs))
}

function grpcRoute(name: string, parentRefs: object[] = [orders]) {
  return grpcRouteKind.parse(routeOf('GRPCRoute', name, parentRefs, []))
}

function policy(name: string, targetRef: object) {
  return trafficPolicyKind.parse({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { targetRef },
  })
}

interface View {
  readonly title?: string
  readonly parentRefs?: ParentReference[] | undefined
  readonly fault?: string
}

/** `Type=Status Reason: message` of each of a route's parents, or of the object. */
function verdicts(
  configuration: Partial<Configuration>,
  { title = 'HTTPRoute shop/canary', parentRefs = [orders], fault }: View = {},
) {
  const problem = { file: title, line: 0, column: 0, path: 'spec.rules[0]', message: fault ?? '' }
  const made = {
    configuration: { ...configurationIn(), ...configuration },
    leftOut: fault === undefined ? [] : [problem],
  }
  const isRoute = title.includes('Route')
  const target = {
    title,
    path: '/x',
    generation: 3,
    resourceVersion: '7',
    status: {},
    ...(isRoute && { parentRefs }),
  }
  const [update] = statusUpdates(made, [target])
  if (update === undefined) throw new Error('there is no update')
  const { own } = update
  const all = 'parents' in own ? own.parents.map(parent => parent.verdicts) : [own.conditions]
  return all.map(said =>
    said.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`),
  )
}

const resolved = 'ResolvedRefs=True ResolvedRefs: all backends are there'

t.test('a route that holds says so, and for whom', async t => {
  const services = [service('orders')]
  t.strictSame(verdicts({ services, httpRoutes: [httpRoute('canary')] }), [
    ['Accepted=True Accepted: holds for all callers', resolved],
  ])
  const parent = { ...orders, namespace: 'shop' }
  const httpRoutes = [httpRoute('canary.team', [parent])]
  t.strictSame(
    verdicts({ services, httpRoutes }, { title: 'HTTPRoute team/canary', parentRefs: [parent] }),
    [['Accepted=True Accepted: holds for callers in the namespace team', resolved]],
  )
})

t.test('a mirror that is not there is told of, and takes no share of the requests', async t => {
  const services = [service('orders')]
  const route = httpRoute('canary', [orders], [{ name: 'orders', port: 80 }])
  const [rule] = httpRouteKind.parse({
    ...route,
    spec: {
      parentRefs: [orders],
      rules: [
        {
          filters: [
            { type: 'RequestMirror', requestMirror: { backendRef: { name: 'shadow', port: 80 } } },
          ],
        },
      ],
    },
  }).spec.rules
  if (rule === undefined) throw new Error('there is no rule')
  const httpRoutes = [{ ...route, spec: { ...route.spec, rules: [...route.spec.rules, rule] } }]
  t.equal(
    verdicts({ services, httpRoutes })[0]?.[1],
    'ResolvedRefs=False BackendNotFound: there is no Service shadow.shop: that mirror gets no copies',
  )
})

t.test('a parent that is not there, or has no such port, is none', async t => {
  const services = [service('orders'), service('away', { type: 'ExternalName' })]
  const accepted = (parent: Partial<ParentReference>) => {
    const parentRef = { ...orders, ...parent }
    const view = { parentRefs: [parentRef] }
    return verdicts({ services, httpRoutes: [httpRoute('canary', [parentRef])] }, view)[0]?.[0]
  }
  const no = 'Accepted=False NoMatchingParent:'
  t.equal(accepted({ name: 'missing' }), `${no} there is no Service missing.shop`)
  t.equal(accepted({ namespace: 'team' }), `${no} there is no Service orders.team`)
  t.equal(accepted({ port: 81 }), `${no} Service orders.shop has no TCP port 81`)
  t.equal(accepted({ port: 53 }), `${no} Service orders.shop has no TCP port 53`)
  t.equal(accepted({ sectionName: 'x' }), `${no} Service orders.shop has no TCP port x`)
  t.match(accepted({ name: 'away' }), `${no} Service away.shop is an ExternalName`)
  t.match(accepted({ port: 80, sectionName: 'http' }), 'Accepted=True')
})

t.test('each of several parents has its own word', async t => {
  const parents = [orders, { ...orders, name: 'missing' }]
  const found = verdicts(
    { services: [service('orders')], httpRoutes: [httpRoute('canary', parents)] },
    { parentRefs: parents },
  )
  t.match(found, [
    [/Accepted=True/, resolved],
    [/NoMatchingParent/, resolved],
  ])
})

t.test('backends that are not there are named, and what becomes of their share', async t => {
  const services = [
    service('orders'),
    service('two', { ports: [{ port: 1 }, { port: 2, name: 'b' }] }),
  ]
  const resolvedRefs = (...backends: object[]) =>
    verdicts({ services, httpRoutes: [httpRoute('canary', [orders], backends)] })[0]?.[1]
  t.equal(resolvedRefs({ name: 'orders', port: 80 }), resolved)
  t.equal(
    resolvedRefs({ name: 'missing', port: 80 }, { name: 'orders' }, { name: 'missing', port: 80 }),
    'ResolvedRefs=False BackendNotFound: there is no Service missing.shop: that share of the requests is answered with 500',
  )
  t.match(
    resolvedRefs({ name: 'orders', port: 81 }),
    'Service orders.shop has no port 81; it has 80',
  )
  t.match(resolvedRefs({ name: 'two' }), 'give one of the ports of Service two.shop; it has 1, 2')
  t.match(
    resolvedRefs({ name: 'a', kind: 'Bucket', group: 'x.org' }),
    'InvalidKind: Bucket of x.org',
  )
  t.match(
    resolvedRefs({ name: 'a', kind: 'Function' }),
    'BackendNotFound: there is no Function a.shop',
  )
  // GEP-1294: no ReferenceGrant is needed in a mesh.
  t.match(resolvedRefs({ name: 'orders', namespace: 'team' }), 'there is no Service orders.team')
})

t.test('a port has one kind of routes: those for gRPC, of the same namespace', async t => {
  const services = [
    service('orders', {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 },
      ],
    }),
  ]
  const accepted = (parent: object, ...grpcRoutes: ReturnType<typeof grpcRoute>[]) => {
    const parentRefs = [{ ...orders, ...parent }]
    const httpRoutes = [httpRoute('canary', parentRefs)]
    return verdicts({ services, httpRoutes, grpcRoutes }, { parentRefs })[0]?.[0]
  }
  const conflicted =
    'Accepted=False Conflicted: GRPCRoute rpc is for the same port, which has one kind of routes'
  t.equal(accepted({}, grpcRoute('rpc')), conflicted)
  t.equal(accepted({ port: 80 }, grpcRoute('rpc')), conflicted)
  t.equal(accepted({ port: 80 }, grpcRoute('rpc', [{ ...orders, sectionName: 'a' }])), conflicted)
  t.match(accepted({ port: 81 }, grpcRoute('rpc', [{ ...orders, port: 80 }])), 'Accepted=True')
  t.equal(
    accepted({}, grpcRoute('rpc', [{ ...orders, port: 80 }])),
    'Accepted=True Accepted: holds for all callers, except on ports for which there is GRPCRoute rpc',
  )
  t.match(accepted({}, grpcRoute('rpc.team', [{ ...orders, namespace: 'shop' }])), 'Accepted=True')
  const rpc = { title: 'GRPCRoute shop/rpc' }
  const both = { services, httpRoutes: [httpRoute('canary')], grpcRoutes: [grpcRoute('rpc')] }
  t.match(verdicts(both, rpc)[0]?.[0], 'Accepted=True')
})

t.test('a route that is left out says why', async t => {
  t.strictSame(verdicts({ services: [service('orders')] }, { fault: 'is not supported yet' }), [
    [
      'Accepted=False UnsupportedValue: spec.rules[0]: is not supported yet',
      'ResolvedRefs=Unknown Pending: not looked at while the route is not accepted',
    ],
  ])
})

t.test('a policy is in use, is wrong, or has nothing to hold for', async t => {
  const services = [service('orders')]
  const title = 'TrafficPolicy shop/p'
  const of = (targetRef: object, fault?: string) =>
    verdicts(
      { services, trafficPolicies: [policy('p', targetRef)] },
      { title, ...(fault !== undefined && { fault }) },
    )
  t.same(of({ name: 'orders' }), [['Accepted=True Accepted: in use']])
  t.same(of({ name: 'users' }), [['Accepted=False TargetNotFound: there is no Service users.shop']])
  t.same(of({ name: 'orders', port: 1 }), [
    ['Accepted=False TargetNotFound: Service orders.shop has no TCP port 1'],
  ])
  t.same(of({ name: 'orders' }, 'is wrong'), [['Accepted=False Invalid: spec.rules[0]: is wrong']])
  const guard = (targetRef?: object) => {
    const authorization = authorizationPolicyKind.parse({
      apiVersion: 'weft.dev/v1alpha1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { targetRef },
    })
    const given = { services, authorizationPolicies: [authorization] }
    return verdicts(given, { title: 'AuthorizationPolicy shop/p', parentRefs: undefined })
  }
  t.same(guard(), [['Accepted=True Accepted: in use']])
  t.same(guard({ name: 'users' }), [
    ['Accepted=False TargetNotFound: there is no Service users.shop'],
  ])
  t.same(guard({ kind: 'Function', name: 'f' }), [
    ['Accepted=False TargetNotFound: there is no Function f.shop'],
  ])
})
