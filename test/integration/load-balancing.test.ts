import t from 'tap'
import { startReplicas, tallyCalls } from '../support/replicas.ts'

const three = [{}, {}, {}]

/** But for a turn or two that are owed since instances became known one after the other. */
function isEven(counts: Readonly<Record<string, number>>, share: number): boolean {
  return Object.values(counts).every(count => Math.abs(count - share) <= 2)
}

for (const policy of ['peak-ewma', 'least-request', 'round-robin', 'random'] as const)
  t.test(`${policy}, by its name alone or with settings, uses all instances`, async t => {
    const withSettings = policy === 'peak-ewma' ? { policy, choices: 3 } : policy
    const { port } = await startReplicas(t, { loadBalancing: withSettings }, three)
    const counts = await tallyCalls(port, 90)
    t.strictSame(Object.keys(counts).toSorted(), ['orders-0', 'orders-1', 'orders-2'])
    if (policy === 'round-robin') t.ok(isEven(counts, 30), JSON.stringify(counts))
  })

t.test('an instance that joins others gets its share little by little', async t => {
  const slowStart = { window: '100h', minPercent: 0.1 }
  const policy = { loadBalancing: { policy: 'round-robin', slowStart } }
  const { port, add } = await startReplicas(t, policy, [{}, {}])
  const before = await tallyCalls(port, 20)
  t.ok(isEven(before, 10), 'those that are new together share evenly')
  const fresh = await add()
  const counts = await tallyCalls(port, 90)
  t.ok((counts[fresh.name] ?? 0) < 10, `a third would be 30; it got ${counts[fresh.name]}`)
})

t.test('an instance that answers 429 gets less of the traffic', async t => {
  const { port, replicas } = await startReplicas(t, {}, [{}, {}])
  await tallyCalls(port, 10)
  const [busy, idle] = replicas
  busy?.answerWith((_, response) => response.writeHead(429, { 'retry-after': '60' }).end('busy'))
  const before = idle?.hits() ?? 0
  const counts = await tallyCalls(port, 60)
  t.ok((counts['busy'] ?? 0) <= 10, `half would be 30; it got ${counts['busy']}`)
  t.ok((idle?.hits() ?? 0) - before >= 50)
})
