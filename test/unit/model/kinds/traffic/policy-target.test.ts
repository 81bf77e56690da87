import t from 'tap'
import { trafficPolicyKind } from '../../../../../src/model/kinds/traffic-policy.ts'

function faultsOf(targetRef: object, settings: object = {}): string[] {
  const { error } = trafficPolicyKind.safeParse({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name: 'orders' },
    spec: { targetRef, ...settings },
  })
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`)
}

const route = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'orders' }

t.test('a route, or a rule of it, may be the target', async t => {
  t.same(faultsOf(route), [])
  t.same(faultsOf({ kind: 'GRPCRoute', name: 'orders.v1', sectionName: 'read' }), [])
})

t.test('a target has the group and the parts of its kind', async t => {
  t.match(faultsOf({ ...route, group: '' }), [/targetRef.group is not the group of HTTPRoute/])
  t.match(faultsOf({ group: route.group, name: 'orders' }), [/group is not the group of Service/])
  t.match(faultsOf({ ...route, port: 80 }), [/port is for a Service/])
  t.match(faultsOf({ name: 'orders', sectionName: 'read' }), [/sectionName is for a route/])
})

t.test('what is for endpoints is not for a route', async t => {
  const allowed = { retry: { attempts: 1 }, hedging: { after: '1ms' }, timeouts: {} }
  t.same(faultsOf(route, allowed), [])
  t.match(faultsOf(route, { ...allowed, concurrency: {}, loadBalancing: 'round-robin' }), [
    /loadBalancing is for a Service; .* retry, hedging, faults, circuitBreaker, timeouts/,
    /concurrency is for a Service/,
  ])
})
