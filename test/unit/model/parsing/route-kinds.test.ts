import t from 'tap'
import { problemsIn, serviceYaml } from '../configurations.ts'

function routeYaml(kind: string, name: string, parent: string, namespace = 'default'): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  parentRefs: [{ kind: Service, ${parent} }]
  rules: [{}]
---`
}

t.test('a port of a Service has one kind of routes', async t => {
  const both = (http: string, grpc: string): string[] =>
    problemsIn(
      serviceYaml('orders', '[{ port: 80 }, { port: 81, name: other }]'),
      routeYaml('HTTPRoute', 'web', http) + routeYaml('GRPCRoute', 'calls', grpc),
    )
  t.match(both('name: orders', 'name: orders'), [
    /spec.parentRefs\[0\]: orders.default has GRPCRoute calls \(1.yaml:13\), and a port has one kind/,
  ])
  t.match(both('name: orders, port: 80', 'name: orders'), [
    /port 80 of orders.default has GRPCRoute/,
  ])
  t.equal(both('name: orders, port: 80', 'name: orders, port: 80').length, 1)
  t.same(both('name: orders, port: 80', 'name: orders, port: 81'), [])
})

t.test('routes of a caller are of no concern to those of the Service itself', async t => {
  const parent = 'name: orders, namespace: default'
  t.same(
    problemsIn(
      serviceYaml('orders'),
      routeYaml('HTTPRoute', 'web', parent, 'team') + routeYaml('GRPCRoute', 'calls', parent),
    ),
    [],
  )
})

t.test('references of a GRPCRoute are checked as those of others', async t => {
  t.match(problemsIn(routeYaml('GRPCRoute', 'calls', 'name: ordres') + serviceYaml('orders')), [
    /there is no Service ordres.default; did you mean orders.default\?/,
  ])
})
