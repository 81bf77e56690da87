import t from 'tap'
import { routeStatus } from '../../../../src/control/routes/route-status.ts'
import { configurationIn, serviceYaml } from '../../model/configurations.ts'

function routeYaml(name: string, rules: readonly object[], namespace = 'default'): string {
  return `${JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace },
    spec: { parentRefs: [{ kind: 'Service', name: 'orders', namespace: 'default' }], rules },
  })}\n---\n`
}

const to = (name: string, more: object = {}) => ({ name, namespace: 'default', ...more })

t.test('routes stand in the order of precedence, with all that they ask for', async t => {
  const match = {
    method: 'POST',
    path: { value: '/v2' },
    headers: [{ name: 'X-User', value: 'ann' }],
    queryParams: [{ name: 'page', type: 'RegularExpression', value: '[0-9]+' }],
  }
  const mirror = { type: 'RequestMirror', requestMirror: { backendRef: to('users') } }
  const rules = [
    { backendRefs: [to('orders')] },
    {
      matches: [match],
      filters: [{ type: 'CORS', cors: {} }],
      sessionPersistence: {},
      backendRefs: [to('orders', { weight: 9 }), to('users', { filters: [mirror] })],
    },
  ]
  const { services } = routeStatus(
    configurationIn(serviceYaml('orders'), serviceYaml('users'), routeYaml('shop', rules)),
  )
  t.same(services, [
    {
      service: 'orders.default:80',
      routes: [
        {
          route: 'default/shop/1',
          match: 'POST prefix /v2, header x-user = ann, query page ~ [0-9]+',
          filters: ['cors', 'session'],
          backends: [
            { cluster: 'orders.default:80', weight: 9, filters: [] },
            { cluster: 'users.default:80', weight: 1, filters: ['mirror'] },
          ],
          invalidWeight: 0,
        },
        {
          route: 'default/shop/0',
          match: 'all',
          filters: [],
          backends: [{ cluster: 'orders.default:80', weight: 1, filters: [] }],
          invalidWeight: 0,
        },
      ],
    },
    {
      service: 'users.default:80',
      routes: [
        {
          route: 'default',
          match: 'all',
          filters: [],
          backends: [{ cluster: 'users.default:80', weight: 1, filters: [] }],
          invalidWeight: 0,
        },
      ],
    },
  ])
})

t.test('callers of a namespace with routes of its own have an entry of their own', async t => {
  const rules = [{ backendRefs: [to('orders')] }]
  const { services } = routeStatus(
    configurationIn(serviceYaml('orders'), routeYaml('consumer', rules, 'team')),
  )
  t.match(services, [
    { service: 'orders.default:80', routes: [{ route: 'default' }] },
    { service: 'orders.default:80', callers: 'team', routes: [{ route: 'team/consumer/0' }] },
  ])
})

t.test('each route says what became of it for each of its parents', async t => {
  const configuration = configurationIn(
    serviceYaml('orders'),
    routeYaml('shop', [{ backendRefs: [to('orders')] }]),
  )
  const [parent] = routeStatus(configuration).objects[0]?.parents ?? []
  t.equal(parent?.parent, 'orders.default')
  t.match(parent?.conditions, [
    { type: 'Accepted', status: 'True', reason: 'Accepted' },
    { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs' },
  ])
  const empty = { ...configuration, services: [] }
  t.match(routeStatus(empty).objects[0]?.parents[0]?.conditions, [
    { type: 'Accepted', status: 'False', reason: 'NoMatchingParent' },
    { type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound' },
  ])
})

t.test('objects of a cluster that cannot be used are told of too', async t => {
  const fault = (file: string, message: string) => ({
    file,
    line: 0,
    column: 0,
    path: 'spec.rules[0]',
    message,
  })
  const { objects } = routeStatus(configurationIn(), [
    fault('HTTPRoute shop/bad', 'one'),
    fault('HTTPRoute shop/bad', 'two'),
    fault('Service shop/bad', 'no route'),
  ])
  t.same(objects, [
    {
      kind: 'HTTPRoute',
      namespace: 'shop',
      name: 'bad',
      parents: [
        {
          conditions: [
            {
              type: 'Accepted',
              status: 'False',
              reason: 'UnsupportedValue',
              message: 'spec.rules[0]: one; spec.rules[0]: two',
            },
          ],
        },
      ],
    },
  ])
})
