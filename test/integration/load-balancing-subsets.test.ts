import t from 'tap'
import { call } from '../support/mesh.ts'
import { ordersOf, startReplicas, tallyCalls } from '../support/replicas.ts'

t.test('a header leads to the instances with that value of a label', async t => {
  const labelled = ['v1', 'v2', 'v2'].map(version => ({ labels: { version } }))
  const byHeader = { header: 'X-Version', label: 'version' }
  const policy = { loadBalancing: { policy: 'random', subset: { byHeader, fallback: 'none' } } }
  const { port } = await startReplicas(t, policy, labelled)
  const asked = async (version: string) =>
    Object.keys(await tallyCalls(port, 30, { headers: { 'x-version': version } })).toSorted()
  t.strictSame(await asked('v1'), ['orders-0'])
  t.strictSame(await asked('v2'), ['orders-1', 'orders-2'])
  t.equal(Object.keys(await tallyCalls(port, 60)).length, 3, 'without the header all serve')
  const unknown = await call(port, { headers: { 'x-version': 'v3' } })
  t.match(unknown, { status: 503, headers: { 'x-weft-reason': 'no_healthy_endpoint' } })
  t.match(unknown.body, /can serve with version .*v3.*has no fallback/)
})

t.test('a policy can leave out instances by their labels', async t => {
  const labelled = ['v1', 'v2', 'v2'].map(version => ({ labels: { version } }))
  const subset = { labels: { version: 'v2' } }
  const { port, client } = await startReplicas(
    t,
    { loadBalancing: { policy: 'random', subset: { labels: { version: 'v3' } } } },
    labelled,
  )
  t.equal((await ordersOf(client)).endpoints.length, 3, 'with no such instance all serve')
  t.equal(Object.keys(await tallyCalls(port, 60)).length, 3)
  const other = await startReplicas(
    t,
    { loadBalancing: { policy: 'random', subset } },
    labelled.slice(1),
  )
  t.equal((await ordersOf(other.client)).endpoints.length, 2)
  t.equal((await call(other.port)).status, 200)
})
