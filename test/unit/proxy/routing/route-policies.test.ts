import t from 'tap'
import type { Route } from '../../../../src/model/route.ts'
import { RouteBreakers } from '../../../../src/proxy/routing/route-policies.ts'
import { clusterPolicy } from '../../../support/policies.ts'
import { requestHead } from '../../../support/requests.ts'
import { HeaderList } from '../../../../src/http/headers.ts'

const { circuitBreaker } = clusterPolicy()
const route: Route = {
  name: 'default/orders/0',
  matches: [],
  backends: [],
  retry: { attempts: 2, statuses: [], backoffMs: 1 },
}

t.test('a route without policies costs nothing', async t => {
  t.equal(new RouteBreakers(() => 0).policiesOf('orders', route), undefined)
})

t.test('a breaker outlives snapshots as long as its policy is the same', async t => {
  const breakers = new RouteBreakers(() => 0)
  t.teardown(() => breakers.close())
  const breakerOf = (policy = circuitBreaker) => {
    const { breaker } = breakers.policiesOf('orders', { ...route, circuitBreaker: policy }) ?? {}
    return breaker
  }
  const first = breakerOf()
  t.equal(breakerOf(), first, 'one for all matches of a rule')
  breakers.settle()
  first?.set('open')
  t.equal(breakerOf(), first)
  breakers.settle()
  t.equal(breakers.all.get('orders default/orders/0')?.breaker.state, 'open')
  t.not(breakerOf({ ...circuitBreaker, openMs: 1 }), first)
  breakers.settle()
  t.equal(breakers.all.size, 1)
  breakers.settle()
  t.equal(breakers.all.size, 0, 'the route is gone')
})

t.test('faults match by headers', async t => {
  const faults = [{ percent: 1, headers: [{ name: 'x-a', kind: 'exact' as const, value: 'b' }] }]
  const [fault] =
    new RouteBreakers(() => 0).policiesOf('orders', { ...route, faults })?.faults ?? []
  t.equal(fault?.matches(requestHead()), false)
  t.equal(fault?.matches(requestHead({ headers: HeaderList.of({ 'x-a': 'b' }) })), true)
})
