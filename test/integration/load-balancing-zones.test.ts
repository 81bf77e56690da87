import t from 'tap'
import { eventually } from '../support/mesh.ts'
import { ordersOf, startReplicas, tallyCalls } from '../support/replicas.ts'

t.test("a caller's requests stay in its zone, and leave it when nobody there is left", async t => {
  const zoned = [{ zone: 'a' }, { zone: 'a' }, { zone: 'b' }, { zone: 'b' }]
  const locality = { minEndpoints: 2 }
  const policy = { loadBalancing: { policy: 'random', locality } }
  const { port, client, replicas } = await startReplicas(t, policy, zoned, 'a')
  const counts = await tallyCalls(port, 60)
  t.strictSame(Object.keys(counts).toSorted(), ['orders-0', 'orders-1'])
  for (const replica of replicas.slice(0, 2)) await replica.leave()
  await eventually(
    () => ordersOf(client),
    ({ endpoints }) => endpoints.length === 2,
  )
  const after = await tallyCalls(port, 60)
  t.strictSame(Object.keys(after).toSorted(), ['orders-2', 'orders-3'])
})

t.test('a zone of few endpoints is not flooded, unless it is wished for', async t => {
  const zoned = [{ zone: 'a' }, { zone: 'b' }, { zone: 'b' }]
  for (const [mode, others] of [
    ['zone-aware', true],
    ['zone-first', false],
    ['off', true],
  ] as const) {
    const policy = { loadBalancing: { policy: 'random', locality: { mode, minEndpoints: 2 } } }
    const { port } = await startReplicas(t, policy, zoned, 'a')
    const counts = await tallyCalls(port, 60)
    t.equal(Object.keys(counts).length > 1, others, mode)
    t.ok((counts['orders-0'] ?? 0) > 0, mode)
  }
})
