import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { parseConfiguration } from '../../../../../src/model/configuration.ts'
import { formatProblem } from '../../../../../src/model/problem.ts'
import { serviceYaml } from '../../configurations.ts'

/** Of files `0.yaml`, `1.yaml` and so on, which have no problems. */
function warningsIn(...texts: string[]): string[] {
  const files = texts.map((text, index) => ({ name: `${index}.yaml`, text }))
  const { problems, warnings = [] } = parseConfiguration(files, { warns: true })
  t.same(problems.map(formatProblem), [])
  return warnings.map(formatProblem)
}

const orders = serviceYaml('orders')

/** Of the Service `orders`; each rule is a line of its own, the first in line 7. */
function routeYaml(name: string, rules: readonly string[], more = ''): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name} }
spec: { parentRefs: [{ kind: Service, name: orders ${more} }],
  rules: [
${rules.map(rule => `    { ${rule} backendRefs: [{ name: orders, port: 80 }] },`).join('\n')}
  ] }
---`
}

t.test('nothing is said of what is meant', async t => {
  const root = resolve(import.meta.dirname, '../../../../..')
  t.same(warningsIn(readFileSync(resolve(root, 'config/mesh.yaml'), 'utf8')), [])
  const rules = [
    'matches: [{ path: { value: /a } }],',
    'matches: [{ path: { value: /a }, method: POST }],',
    'matches: [{ path: { value: /a }, headers: [{ name: x, value: "1" }] }],',
    'matches: [{ path: { value: /a }, headers: [{ name: x, value: "2" }] }],',
    'matches: [{ path: { value: /a, type: Exact } }],',
    'matches: [{ path: { value: /a/b } }],',
    'matches: [{ path: { value: "/a/.*", type: RegularExpression } }],',
    '',
  ]
  t.same(warningsIn(orders + routeYaml('a', rules)), [])
})

t.test('a match that an equal one stands before is never reached', async t => {
  const rules = [
    'matches: [{ path: { value: /a } }],',
    'matches: [{ path: { value: /b } }, { path: { value: /a/ } }],',
    'matches: [{ headers: [{ name: X, value: "1" }, { name: y, value: "2" }] }],',
    'matches: [{ headers: [{ name: y, value: "2" }, { name: x, value: "1" }] }],',
    '',
    '',
  ]
  t.same(warningsIn(orders + routeYaml('a', rules)), [
    '0.yaml:14:42 spec.rules[1].matches[1]: is never reached: rules[0].matches[0] takes all its requests first; change one, or leave this out',
    '0.yaml:16:17 spec.rules[3].matches[0]: is never reached: rules[2].matches[0] takes all its requests first; change one, or leave this out',
    '0.yaml:18:5 spec.rules[5]: is never reached: rules[4] takes all its requests first; change one, or leave this out',
  ])
})

t.test('so is one behind a pattern for all paths, or for any value', async t => {
  const rules = [
    'matches: [{ path: { value: /a } }],',
    'matches: [{ path: { value: "/.*", type: RegularExpression } }],',
    'matches: [{ path: { value: /a, type: Exact } }],',
    'matches: [{ path: { value: /e, type: Exact }, headers: [{ name: x, value: ".*", type: RegularExpression }] }],',
    'matches: [{ path: { value: /e, type: Exact }, headers: [{ name: x, value: "1" }] }],',
  ]
  t.match(warningsIn(orders + routeYaml('a', rules)), [
    /0.yaml:13:17 spec.rules\[0\].matches\[0\]: is never reached: rules\[1\].matches\[0\] takes/,
    /0.yaml:17:17 spec.rules\[4\].matches\[0\]: is never reached: rules\[3\].matches\[0\] takes/,
  ])
})

t.test('routes of one Service stand in each other’s way, in the order of their names', async t => {
  const rule = ['matches: [{ path: { value: /a } }],']
  t.same(warningsIn(routeYaml('b', rule), orders + routeYaml('a', rule)), [
    '0.yaml:7:17 spec.rules[0].matches[0]: is never reached: rules[0].matches[0] of HTTPRoute a (1.yaml:10) takes all its requests first; change one, or leave this out',
  ])
  t.same(warningsIn(orders + routeYaml('a', rule, ', port: 80') + routeYaml('b', rule)), [])
  t.match(warningsIn(orders + routeYaml('a', rule) + routeYaml('b', rule, ', port: 80')), [
    /HTTPRoute a/,
  ])
})

t.test('the same holds for gRPC', async t => {
  const yaml = `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: rpc }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules:
  - { matches: [{ method: { service: shop.Orders } }], backendRefs: [{ name: orders, port: 80 }] }
  - { matches: [{ method: { service: shop.Orders, method: Get } }], backendRefs: [{ name: orders, port: 80 }] }
  - { matches: [{ method: { service: shop.Orders } }], backendRefs: [{ name: orders, port: 80 }] }
---`
  t.same(warningsIn(yaml + orders), [
    '0.yaml:10:17 spec.rules[2].matches[0]: is never reached: rules[0].matches[0] takes all its requests first; change one, or leave this out',
  ])
})

t.test('many routes are not compared with each other', async t => {
  const rules = Array.from(
    { length: 500 },
    (_, index) => `matches: [{ path: { value: /p${index} } }],`,
  )
  t.same(warningsIn(orders + routeYaml('a', rules)), [])
})

t.test('a rule without a backend that takes traffic answers with 500', async t => {
  const yaml = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: none }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules:
  - matches: [{ path: { value: /a } }]
    backendRefs: [{ name: orders, port: 80, weight: 0 }]
  - matches: [{ path: { value: /b } }]
---`
  t.same(warningsIn(yaml + orders), [
    '0.yaml:9:5 spec.rules[0].backendRefs: leads to no backend, since their weights sum to 0: each request is answered with 500',
    '0.yaml:10:5 spec.rules[1]: leads to no backend, since there are none: each request is answered with 500',
  ])
})

t.test('of its filters only a redirect answers instead of a backend', async t => {
  const yaml = (filter: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: none }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules: [{ filters: [${filter}] }]
---`
  const redirect = '{ type: RequestRedirect, requestRedirect: { scheme: https } }'
  t.same(warningsIn(yaml(redirect) + orders), [])
  const header = '{ type: RequestHeaderModifier, requestHeaderModifier: { remove: [x-a] } }'
  t.match(warningsIn(yaml(header) + orders), [/leads to no backend, since there are none/])
})

t.test('retries of what may not be repeated', async t => {
  const rules = [
    'matches: [{ method: POST }, { method: PATCH }, { method: GET }], retry: { attempts: 2 },',
    'matches: [{ method: PUT }], retry: { attempts: 2 },',
    'matches: [{ path: { value: /a }, method: POST }], retry: { attempts: 0 },',
  ]
  t.same(warningsIn(orders + routeYaml('a', rules)), [
    '0.yaml:13:72 spec.rules[0].retry: does not hold for POST and PATCH, which may not be repeated: only what surely never reached the application is sent again; match another method, or leave this out',
  ])
  const policy = (retry: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  retry: { ${retry} }
---`
  t.same(warningsIn(policy('grpcStatuses: [UNAVAILABLE, INTERNAL, UNKNOWN]') + orders), [
    '0.yaml:7:12 spec.retry.grpcStatuses: INTERNAL, UNKNOWN may come when the call was carried out already, which would be done twice: list them only if all methods are idempotent, or take UNAVAILABLE alone',
  ])
  t.same(warningsIn(policy('attempts: 0, grpcStatuses: [INTERNAL]') + orders), [])
})

t.test('retries of a policy all of whose requests may not be repeated', async t => {
  const policy = (retry: string, target = 'name: orders'): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { ${target} },
  retry: { ${retry} } }
---`
  const writes = ['matches: [{ path: { value: /a }, method: POST }],']
  const both = [...writes, 'name: read, matches: [{ path: { value: /a } }],']
  t.same(warningsIn(policy('attempts: 3') + orders + routeYaml('a', writes)), [
    '0.yaml:6:3 spec.retry: does not hold for POST, and its requests are no others: only what surely never reached the application is sent again; set idempotencyKey if the application knows that header, or leave this out',
  ])
  for (const retry of [
    'attempts: 0',
    'perTryTimeout: 1s',
    'attempts: 3, idempotencyKey: true',
    'attempts: 3, grpcStatuses: [UNAVAILABLE]',
  ])
    t.same(warningsIn(policy(retry) + orders + routeYaml('a', writes)), [], retry)
  t.same(warningsIn(policy('attempts: 3') + orders), [])
  t.same(warningsIn(policy('attempts: 3') + orders + routeYaml('a', both)), [])
  t.same(warningsIn(policy('attempts: 3') + orders + routeYaml('a', writes, ', port: 80')), [])
  const ofRoute = policy('statuses: [503]', 'kind: HTTPRoute, name: a')
  t.equal(warningsIn(ofRoute + orders + routeYaml('a', writes)).length, 1)
  const ofRule = policy('statuses: [503]', 'kind: HTTPRoute, name: a, sectionName: read')
  t.same(warningsIn(ofRule + orders + routeYaml('a', both)), [])
})

t.test('what is repeated for its key may be a POST', async t => {
  const keyed = `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, retry: { idempotencyKey: true } }
---`
  const rules = ['matches: [{ path: { value: /a }, method: POST }], retry: { attempts: 2 },']
  t.equal(warningsIn(orders + routeYaml('a', rules)).length, 1)
  t.same(warningsIn(orders + routeYaml('a', rules) + keyed), [])
  t.same(warningsIn(orders + routeYaml('a', rules, ', port: 80') + keyed), [])
})

t.test('a policy for workloads that nobody has', async t => {
  const guard = (spec: string, kind = 'AuthorizationPolicy', namespace = 'default'): string => `
apiVersion: weft.dev/v1alpha1
kind: ${kind}
metadata: { name: closed, namespace: ${namespace} }
spec: ${spec}
---`
  const workload = (more = ''): string => `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: orders-1, labels: { app: orders } }
spec: { ${more} }
---`
  const there = orders + workload()
  t.same(warningsIn(guard('{}') + guardedBy('app: orders') + there), [])
  t.same(warningsIn(guardedBy('app: ordres') + there), [
    '0.yaml:5:9 spec.selector: holds nowhere: no workload with a sidecar in the namespace default has these labels',
  ])
  t.same(warningsIn(guard('{ jwtRules: [] }', 'RequestAuthentication', 'shop') + there), [
    '0.yaml:5:1 spec: holds nowhere: there is no workload with a sidecar in the namespace shop',
  ])
  t.match(warningsIn(guard('{}') + workload('sidecar: { enabled: false }')), [/holds nowhere/])
  // Of a cluster, say.
  t.same(warningsIn(guardedBy('app: ordres') + orders), [])
  function guardedBy(labels: string): string {
    return guard(`{ selector: { matchLabels: { ${labels} } } }`).replace('closed', 'selected')
  }
})

t.test('a policy for a Service behind which nobody is', async t => {
  const guard = `
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: closed }
spec: { targetRef: { name: orders } }
---`
  const workload = (app: string): string => `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: one, labels: { app: ${app} } }
spec: {}
---`
  const unselecting = orders.replace('selector: { app: orders },', '')
  t.same(warningsIn(guard + orders + workload('orders')), [])
  t.same(warningsIn(guard + orders), [])
  t.match(warningsIn(guard + orders + workload('web')), [
    /spec.targetRef: holds nowhere: Service orders \(0.yaml:9\) selects no workload with a sidecar/,
  ])
  t.match(warningsIn(guard + unselecting), [
    /holds nowhere: Service orders \(0.yaml:9\) has no selector, so that nobody knows its workloads/,
  ])
})

t.test('a timeout that is shorter than one try', async t => {
  const policy = `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: slow }
spec: { targetRef: { name: orders }, retry: { perTryTimeout: 5s } }
---`
  const rules = [
    'matches: [{ path: { value: /a } }], timeouts: { request: 2s },',
    'matches: [{ path: { value: /b } }], timeouts: { request: 2s, backendRequest: 1s },',
    'matches: [{ path: { value: /c } }], timeouts: { request: 0s },',
    'matches: [{ path: { value: /d } }], timeouts: { request: 5s },',
  ]
  t.same(warningsIn(orders + routeYaml('a', rules) + policy), [
    '0.yaml:13:55 spec.rules[0].timeouts.request: 2000 ms is shorter than the 5000 ms that one try may take by retry.perTryTimeout of TrafficPolicy slow (0.yaml:21): a slow try is never repeated',
  ])
})

t.test('so may a policy say both', async t => {
  const policy = (settings: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: slow }
spec: { targetRef: { name: orders }, ${settings} }
---`
  const warned = warningsIn(
    policy('timeouts: { request: 2s }, retry: { perTryTimeout: 5s }') + orders,
  )
  t.match(warned, [/spec.timeouts.request: 2000 ms is shorter than the 5000 ms .*perTryTimeout/])
  t.match(warningsIn(policy('timeouts: { request: 2s, backendRequest: 3s }') + orders), [
    /3000 ms .* timeouts.backendRequest/,
  ])
  t.same(warningsIn(policy('timeouts: { request: 2s, backendRequest: 1s }') + orders), [])
  t.same(warningsIn(policy('timeouts: { request: 0s }, retry: { perTryTimeout: 5s }') + orders), [])
})

t.test('a policy that governs nothing', async t => {
  const policy = (name: string, target: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec: { targetRef: { ${target} } }
---`
  const external = `
apiVersion: v1
kind: Service
metadata: { name: away }
spec: { type: ExternalName, externalName: example.com }
---`
  t.same(warningsIn(policy('a', 'name: away') + external), [
    '0.yaml:5:9 spec.targetRef: governs nothing: Service away.default is an ExternalName, which leads out of the mesh; write a ServiceEntry',
  ])
  const udp = serviceYaml('orders', '[{ port: 53, protocol: UDP }]')
  t.match(warningsIn(policy('a', 'name: orders') + udp), [
    /governs nothing: Service orders.default has no port for TCP/,
  ])
  const both = policy('a', 'name: orders') + policy('b', 'name: orders, port: 80')
  t.match(warningsIn(both + orders), [
    /0.yaml:5:9 spec.targetRef: governs nothing: each port of Service orders.default has a policy of its own/,
  ])
  t.same(warningsIn(both + serviceYaml('orders', '[{ port: 80 }, { port: 81 }]')), [])
})

t.test('a ServiceEntry of a name that is taken, or of TLS on the port of plain HTTP', async t => {
  const entry = (spec: string): string => `
apiVersion: weft.dev/v1alpha1
kind: ServiceEntry
metadata: { name: api }
spec: ${spec}
---`
  const port = 'ports: [{ number: 80, protocol: http }]'
  t.same(warningsIn(entry(`{ hosts: [a.b, orders.default, hello.fn.mesh], ${port} }`) + orders), [
    '0.yaml:5:22 spec.hosts[1]: orders.default is a name of Service orders (0.yaml:9), which holds: call this otherwise',
    '0.yaml:5:38 spec.hosts[2]: hello.fn.mesh is kept for functions; call this otherwise',
  ])
  t.same(warningsIn(entry(`{ hosts: [a.b], tls: {}, ${port} }`)), [
    '0.yaml:5:40 spec.ports[0]: TLS would be spoken to port 80, which is that of plain HTTP: give targetPort, such as 443',
  ])
  t.same(
    warningsIn(
      entry(`{ hosts: [a.b], tls: {}, ${port.replace('http', 'http, targetPort: 443')} }`),
    ),
    [],
  )
})

t.test('nobody pays for warnings who does not ask for them', async t => {
  const result = parseConfiguration([{ name: 'a.yaml', text: orders }])
  t.equal(result.warnings, undefined)
  t.equal(result.ignored, undefined)
})

t.test(
  'documents of others are left out where that is wished, and slips of our own are not',
  async t => {
    const text = `kind: Deployment
apiVersion: apps/v1
metadata: { name: a }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicie
metadata: { name: a }
`
    const { problems, ignored = [] } = parseConfiguration([{ name: 'a.yaml', text }], {
      ignoresUnknownKinds: true,
    })
    t.same(ignored.map(formatProblem), [
      'a.yaml:1:1 kind: Deployment is not known here, and ignored',
    ])
    t.same(problems.map(formatProblem), [
      'a.yaml:6:1 kind: unknown kind "TrafficPolicie"; did you mean "TrafficPolicy"?',
    ])
  },
)
