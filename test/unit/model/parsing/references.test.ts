import t from 'tap'
import { problemsIn, serviceYaml } from '../configurations.ts'

function routeYaml(parent: string, backend: string, namespace = 'default'): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: canary, namespace: ${namespace} }
spec:
  parentRefs: [{ kind: Service, ${parent} }]
  rules: [{ backendRefs: [{ ${backend} }] }]
---`
}

function policyYaml(name: string, target: string, namespace = 'default'): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: { targetRef: { ${target} } }
---`
}

function workloadYaml(name: string, spec: string): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: ${name} }
spec: ${spec}
---`
}

function sliceYaml(service: string): string {
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: external, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
---`
}

const meshYaml = (name: string): string => `
apiVersion: weft.dev/v1alpha1
kind: Mesh
metadata: { name: ${name} }
---`

t.test('references to Services and ports that are there are no problem', async t => {
  const services =
    serviceYaml('orders') + serviceYaml('payments.team', '[{ port: 80 }, { port: 81 }]')
  t.same(
    problemsIn(
      routeYaml('name: orders, port: 80', 'name: payments, namespace: team, port: 81'),
      policyYaml('orders', 'name: orders') + policyYaml('orders-80', 'name: orders, port: 80'),
      workloadYaml('web', '{ upstreams: [{ service: "payments.team:81", localPort: 1 }] }'),
      sliceYaml('orders'),
      services,
    ),
    [],
  )
})

t.test('each reference to a Service that does not exist is a problem', async t => {
  t.same(
    problemsIn(
      serviceYaml('orders') +
        routeYaml('name: ordres', 'name: order') +
        policyYaml('orders', 'name: ordesr') +
        workloadYaml('web', '{ upstreams: [{ service: oders, localPort: 1 }] }') +
        sliceYaml('orderss'),
    ),
    [
      '0.yaml:12:16 spec.parentRefs[0]: there is no Service ordres.default; did you mean orders.default?',
      '0.yaml:13:27 spec.rules[0].backendRefs[0]: there is no Service order.default; did you mean orders.default?',
      '0.yaml:18:9 spec.targetRef: there is no Service ordesr.default; did you mean orders.default?',
      '0.yaml:23:23 spec.upstreams[0].service: there is no Service oders.default; did you mean orders.default?',
      '0.yaml:27:39 metadata.labels.kubernetes.io/service-name: there is no Service orderss.default; did you mean orders.default?',
    ],
  )
})

t.test('a Service of another namespace is meant when it has the very name', async t => {
  const route = routeYaml('name: orders', 'name: orders, namespace: team, port: 80')
  t.match(problemsIn(serviceYaml('orders.team') + route), [
    /parentRefs\[0\]: there is no Service orders.default; did you mean orders.team\?$/,
  ])
})

t.test('a Service like no other comes without a guess', async t => {
  const policy = policyYaml('web', 'name: web')
  t.match(problemsIn(serviceYaml('api') + serviceYaml('orders') + policy), [
    /there is no Service web.default$/,
  ])
})

t.test('a reference is read in its own namespace', async t => {
  const services = serviceYaml('orders') + serviceYaml('orders.team')
  t.same(problemsIn(services + policyYaml('a', 'name: orders', 'team')), [])
  t.match(problemsIn(serviceYaml('orders') + routeYaml('name: orders', 'name: orders', 'team')), [
    /no Service orders.team; did you mean orders.default\?$/,
    /no Service orders.team; did you mean orders.default\?$/,
  ])
})

t.test('an upstream is written service[.namespace][:port]', async t => {
  const upstream = workloadYaml(
    'web',
    '{ upstreams: [{ service: "http://orders", localPort: 1 }] }',
  )
  t.match(problemsIn(upstream), [/service: must be service\[.namespace\]\[:port\]$/])
})

t.test('a port that the Service does not have, or not for TCP, is a problem', async t => {
  const ports = '[{ port: 80 }, { port: 81 }, { port: 53, protocol: UDP }]'
  const services =
    serviceYaml('orders', ports) + serviceYaml('dns', '[{ port: 53, protocol: UDP }]')
  t.match(problemsIn(services + routeYaml('name: orders, port: 82', 'name: orders, port: 53')), [
    /parentRefs\[0\]: Service orders.default has no port 82; it has 80, 81$/,
    /backendRefs\[0\]: Service orders.default has no port 53; it has 80, 81$/,
  ])
  t.match(problemsIn(services + routeYaml('name: orders', 'name: dns')), [
    /backendRefs\[0\]: give one of the ports of Service dns.default; it has none for TCP$/,
  ])
})

t.test('a backend with several ports must say which; a parent means all', async t => {
  const services = serviceYaml('orders', '[{ port: 80 }, { port: 81 }]')
  t.match(problemsIn(services + routeYaml('name: orders', 'name: orders')), [
    /backendRefs\[0\]: give one of the ports of Service orders.default; it has 80, 81$/,
  ])
})

t.test('a name is given once for each kind and namespace', async t => {
  const services = serviceYaml('orders') + serviceYaml('orders.team')
  t.same(problemsIn(services + policyYaml('orders', 'name: orders')), [])
  t.same(problemsIn(services, serviceYaml('orders')), [
    '1.yaml:4:13 metadata.name: Service orders.default is defined already in 0.yaml:4',
  ])
})

t.test('there is one Mesh, whatever its name', async t => {
  t.same(problemsIn(meshYaml('a'), meshYaml('b')), [
    '1.yaml:4:13 metadata.name: Mesh is defined already in 0.yaml:4',
  ])
})

t.test('a Service, and each of its ports, has one TrafficPolicy', async t => {
  const whole = policyYaml('a', 'name: orders')
  const port = policyYaml('b', 'name: orders, port: 80')
  t.same(problemsIn(serviceYaml('orders'), whole + port), [])
  const again = policyYaml('c', 'name: orders') + policyYaml('d', 'name: orders, port: 80')
  t.same(problemsIn(serviceYaml('orders'), whole + port, again), [
    '2.yaml:5:9 spec.targetRef: the TrafficPolicy for orders.default is defined already in 1.yaml:5',
    '2.yaml:10:9 spec.targetRef: the TrafficPolicy for port 80 of orders.default is defined already in 1.yaml:10',
  ])
})

t.test('a port of an address is taken once, by whatever listens', async t => {
  const sidecar = '{ adminPort: 1, outboundPort: 2, inboundPort: 3 }'
  const first = workloadYaml('a', `{ ports: [{ port: 4 }], sidecar: ${sidecar} }`)
  const second = workloadYaml(
    'b',
    '{ ports: [{ port: 1 }, { port: 5 }], upstreams: [{ service: orders, localPort: 2 }], sidecar: { adminPort: 3, inboundPort: 4, outboundPort: 5 } }',
  )
  t.match(problemsIn(serviceYaml('orders') + first + second), [
    /spec.ports\[0\].port: port 1 of 127.0.0.1 is used already by Workload a.default$/,
    /spec.upstreams\[0\].localPort: port 2 of 127.0.0.1 is used already by Workload a.default$/,
    /spec.sidecar.adminPort: port 3 of 127.0.0.1 is used already by Workload a.default$/,
    /spec.sidecar.inboundPort: port 4 of 127.0.0.1 is used already by Workload a.default$/,
    /spec.sidecar.outboundPort: port 5 of 127.0.0.1 is used already by Workload b.default$/,
  ])
  const elsewhere = workloadYaml('c', '{ address: 10.0.0.1, ports: [{ port: 4 }] }')
  t.same(problemsIn(first + elsewhere), [])
})

t.test('a broken document hides no reference that leads nowhere', async t => {
  const route = routeYaml('name: orders', 'name: payment')
  const services = serviceYaml('orders') + serviceYaml('payments')
  const brokenPolicy = policyYaml('a', 'nam: orders')
  const brokenService = serviceYaml('users', '[]')
  for (const broken of [brokenPolicy, brokenService, 'kind: Service\nmetadata: { name: users'])
    t.match(
      problemsIn(services, broken, route).at(-1),
      '2.yaml:7:27 spec.rules[0].backendRefs[0]: there is no Service payment.default; did you mean payments.default?',
    )
})

t.test('a reference to what a broken document defines is no second problem', async t => {
  const route = routeYaml('name: orders', 'name: orders')
  const broken = {
    schema: serviceYaml('orders', '[]'),
    kind: serviceYaml('orders').replace('kind: Service', 'kind: Servise'),
    name: serviceYaml('Orders'),
    syntax: 'kind: Service\nmetadata: { name: orders',
    alias: 'kind: Service\nmetadata: { name: orders }\nspec: *spec',
    'no name': 'kind: Service\nmetadata: {}',
  }
  for (const [what, text] of Object.entries(broken)) {
    const problems = problemsIn(text, route)
    t.not(problems.length, 0, what)
    if (what === 'name') t.match(problems.join('\n'), /no Service orders.default/)
    else t.notMatch(problems.join('\n'), /no Service/, what)
  }
})

t.test('names and ports taken twice are reported beside broken documents', async t => {
  const problems = problemsIn(
    'kind: [',
    serviceYaml('orders') + serviceYaml('orders'),
    workloadYaml('a', '{ ports: [{ port: 4 }] }') + workloadYaml('b', '{ ports: [{ port: 4 }] }'),
  )
  t.match(problems, [/^0.yaml/, /^1.yaml.*defined already/, /^2.yaml.*used already/])
})

function functionYaml(name: string, spec = "{ command: ['./run'], code: . }"): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: ${name} }
spec: ${spec}
---`
}

t.test('a route may lead to a Function, which must be there', async t => {
  const services = serviceYaml('orders')
  const route = routeYaml('name: orders', 'kind: Function, name: resize')
  t.same(problemsIn(services, route, functionYaml('resize')), [])
  t.match(problemsIn(services, route, functionYaml('resise')), [
    /backendRefs\[0\]: there is no Function resize.default; did you mean resise.default\?$/,
  ])
  t.match(problemsIn(services, route, functionYaml('resize', '{ code: . }')), [
    /spec.runtime: give either a runtime or a command$/,
  ])
})

t.test('a policy is for a Function as a whole, for its hosts know no versions', async t => {
  const policy = (name: string) => `
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: closed }
spec: { targetRef: { kind: Function, name: ${name} } }
---`
  const spec = "{ command: ['./run'], code: ., versions: [{ name: v1 }] }"
  t.same(problemsIn(functionYaml('resize', spec), policy('resize')), [])
  t.match(problemsIn(functionYaml('resize', spec), policy('resize--v1')), [
    /spec.targetRef: there is no Function resize--v1.default/,
  ])
})

t.test('a Function and a Workload of one name would share a sidecar', async t => {
  t.match(problemsIn(workloadYaml('resize', '{}'), functionYaml('resize')), [
    /Workload resize.default is defined already in 0.yaml/,
  ])
})

t.test('the ports of a Function’s sidecar are taken once as well', async t => {
  const sidecar = '{ sidecar: { adminPort: 15000 } }'
  const spec = "{ command: ['./run'], code: ., sidecar: { outboundPort: 15000 } }"
  t.match(problemsIn(workloadYaml('web', sidecar), functionYaml('resize', spec)), [
    /outboundPort: port 15000 of 127.0.0.1 is used already by Workload web.default$/,
  ])
})

t.test('a backend of another kind leads nowhere', async t => {
  const yaml = (backend: string) => serviceYaml('orders') + routeYaml('name: orders', backend)
  t.match(problemsIn(yaml('kind: Pod, name: orders')), [
    /must lead to a Service, or a Function of weft.dev; "Pod" of the group "" is neither$/,
  ])
  t.match(problemsIn(yaml('group: apps, name: orders')), [/"Service" of the group "apps"/])
  t.same(problemsIn(yaml("group: '', name: orders")), [])
})

t.test('a parent can be a port by its name', async t => {
  const yaml = (parent: string) =>
    serviceYaml('orders', '[{ name: http, port: 80 }, { name: admin, port: 81 }]') +
    routeYaml(`name: orders, ${parent}`, 'name: orders, port: 80')
  t.same(problemsIn(yaml('sectionName: admin')), [])
  t.same(problemsIn(yaml('sectionName: admin, port: 81')), [])
  t.match(problemsIn(yaml('sectionName: web')), [
    /Service orders.default has no port called "web"; it has http, admin$/,
  ])
  t.match(problemsIn(yaml('sectionName: admin, port: 80')), [/called "admin" of the number 80/])
})
