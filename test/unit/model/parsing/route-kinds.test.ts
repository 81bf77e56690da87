import t from 'tap'
import { problemsIn, serviceYaml } from '../configurations.ts'

function routeYaml(kind: string, name: string, parent: string): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${name} }
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
    /spec.parentRefs\[0\]: orders.default has the GRPCRoute calls.default too: a port has one kind/,
  ])
  t.match(both('name: orders, port: 80', 'name: orders'), [/port 80 of orders.default has/])
  t.equal(both('name: orders, port: 80', 'name: orders, port: 80').length, 1)
  t.same(both('name: orders, port: 80', 'name: orders, port: 81'), [])
})

t.test('references of a GRPCRoute are checked as those of others', async t => {
  t.match(problemsIn(routeYaml('GRPCRoute', 'calls', 'name: ordres') + serviceYaml('orders')), [
    /there is no Service ordres.default; did you mean orders.default\?/,
  ])
})
