import type { RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { call, eventually } from '../support/mesh.ts'
import { ordersOf, startReplicas, tallyCalls, type Replicas } from '../support/replicas.ts'

const failing: RequestListener = (_, response) => response.writeHead(500).end('failed')

/** The breaker shall not hide what the detector does. */
const common = { circuitBreaker: { enabled: false }, loadBalancing: 'round-robin' }

async function start(t: Test, outlierDetection: object, count = 3): Promise<Replicas> {
  const instances = Array.from({ length: count }, () => ({}))
  return startReplicas(t, { ...common, outlierDetection }, instances)
}

/** What the caller's sidecar knows of the first instance, with four requests to each before every look. */
function firstOnceItIs(
  { client, port }: Replicas,
  condition: (endpoint: { readonly ejected: boolean; readonly onProbation: boolean }) => boolean,
) {
  return eventually(
    async () => {
      await tallyCalls(port, 12)
      const { endpoints } = await ordersOf(client)
      return endpoints.find(({ workload }) => workload === 'orders-0')
    },
    endpoint => endpoint !== undefined && condition(endpoint),
  )
}

t.test('an instance that fails several times in a row is out', async t => {
  const orders = await start(t, { consecutiveFailures: 3, baseEjection: '1h' })
  const [bad] = orders.replicas
  bad?.answerWith(failing)
  const counts = await tallyCalls(orders.port, 30)
  t.equal(counts['failed'], 3)
  t.equal(bad?.hits(), 3)
  t.match(await ordersOf(orders.client), { ejections: 1 })
})

t.test(
  'back in it is on probation: one failure puts it out again, one success ends it',
  async t => {
    const orders = await start(t, { consecutiveFailures: 3, baseEjection: '50ms' })
    const [bad] = orders.replicas
    bad?.answerWith(failing)
    const { ejections } = await eventually(
      async () => {
        await call(orders.port)
        return ordersOf(orders.client)
      },
      cluster => cluster.ejections >= 3,
    )
    t.equal(bad?.hits(), 3 + (ejections - 1), 'three the first time, then one each')
    bad?.answerWith((_, response) => response.end('well'))
    await firstOnceItIs(orders, ({ ejected, onProbation }) => !ejected && !onProbation)
    const counts = await tallyCalls(orders.port, 30)
    t.equal(counts['well'], 10)
  },
)

t.test('the last instance stays, whatever it answers', async t => {
  const orders = await start(t, { consecutiveFailures: 1, maxEjectedRatio: 1 }, 2)
  for (const replica of orders.replicas) replica.answerWith(failing)
  const counts = await tallyCalls(orders.port, 10)
  t.strictSame(counts, { failed: 10 })
  const { endpoints } = await ordersOf(orders.client)
  t.equal(endpoints.filter(({ ejected }) => ejected).length, 1)
})

t.test('an instance that fails now and then is out by its share of failures', async t => {
  const orders = await start(t, {
    interval: '300ms',
    baseEjection: '1h',
    failurePercentage: { threshold: 40, minHosts: 1, minRequests: 2 },
  })
  const [bad] = orders.replicas
  bad?.answerWith((request, response) => {
    if ((bad.hits() & 1) === 0) failing(request, response)
    else response.end('well')
  })
  await firstOnceItIs(orders, ({ ejected }) => ejected)
  const before = bad?.hits()
  await tallyCalls(orders.port, 10)
  t.equal(bad?.hits(), before)
})

t.test('an instance that does worse than the others is out by its success rate', async t => {
  const orders = await start(t, {
    interval: '300ms',
    baseEjection: '1h',
    consecutiveFailures: 1000,
    successRate: { stdevFactor: 1, minHosts: 3, minRequests: 1 },
  })
  orders.replicas[0]?.answerWith(failing)
  await firstOnceItIs(orders, ({ ejected }) => ejected)
  t.match(await ordersOf(orders.client), { ejections: 1 })
})

t.test('an application that has gone counts as a gateway failure', async t => {
  const orders = await start(t, {
    consecutiveFailures: 1000,
    consecutiveGatewayFailures: 2,
    baseEjection: '1h',
  })
  orders.replicas[0]?.answerWith((_, response) => response.writeHead(502).end('gone'))
  await firstOnceItIs(orders, ({ ejected }) => ejected)
  const counts = await tallyCalls(orders.port, 10)
  t.equal(counts['gone'], undefined)
})
