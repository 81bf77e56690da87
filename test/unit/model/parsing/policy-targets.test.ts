import t from 'tap'
import { problemsIn } from '../configurations.ts'

const service = `
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { ports: [{ port: 80 }] }
`
const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ group: '', kind: Service, name: orders }]
  rules: [{ name: read, backendRefs: [{ name: orders, port: 80 }] }]
`

function policy(name: string, targetRef: string): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name} }
spec: { targetRef: ${targetRef} }
`
}

t.test('a policy may be for a route or a rule that is there', async t => {
  const targets = [
    '{ kind: HTTPRoute, name: orders }',
    '{ kind: HTTPRoute, name: orders, sectionName: read }',
  ]
  const policies = targets.map((target, index) => policy(`p${index}`, target))
  t.same(problemsIn(service, route, ...policies), [])
})

t.test('one for a route that is not there says which may be meant', async t => {
  t.match(problemsIn(service, route, policy('p', '{ kind: HTTPRoute, name: order }')), [
    /targetRef.name: there is no HTTPRoute order.default; did you mean HTTPRoute orders.default\?/,
  ])
  t.match(problemsIn(service, route, policy('p', '{ kind: GRPCRoute, name: orders }')), [
    /there is no GRPCRoute orders.default/,
  ])
  t.match(
    problemsIn(service, route, policy('p', '{ kind: HTTPRoute, name: orders, sectionName: reed }')),
    [/sectionName: HTTPRoute orders.default has no rule called reed; did you mean read\?/],
  )
})

t.test('one for a route that has a problem of its own is no second problem', async t => {
  const broken = route.replace('rules:', 'rulez: [] #')
  const problems = problemsIn(service, broken, policy('p', '{ kind: HTTPRoute, name: orders }'))
  t.same(
    problems.filter(problem => problem.includes('HTTPRoute')),
    [],
  )
  t.not(problems.length, 0)
})

t.test('a target has one policy', async t => {
  const target = '{ kind: HTTPRoute, name: orders, sectionName: read }'
  t.match(problemsIn(service, route, policy('one', target), policy('two', target)), [
    /the TrafficPolicy for rule read of HTTPRoute orders.default is defined already/,
  ])
})

t.test('so it is with budgets of Gateway API', async t => {
  const budget = (name: string, target: string): string => `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: { name: ${name} }
spec: { targetRefs: [{ group: '', kind: Service, name: ${target} }] }
`
  t.match(problemsIn(service, budget('one', 'orders'), budget('two', 'orders')), [
    /the XBackendTrafficPolicy for orders.default is defined already/,
  ])
  t.match(problemsIn(service, budget('one', 'order')), [/there is no Service order.default/])
})
