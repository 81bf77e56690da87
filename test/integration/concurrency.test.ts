// Limits of requests in flight: refused, queued, and found by latency.
import http from 'node:http'
import t, { type Test } from 'tap'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { metric } from '../support/hops.ts'
import { startOrders } from '../support/orders.ts'

const policy = (spec: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  ${spec}
`

/** Answers when it is told to. */
async function startHeld(t: Test, spec: string) {
  const held: http.ServerResponse[] = []
  const port = await startApplication(t, (_request, response) => {
    held.push(response)
  })
  const orders = await startOrders(t, port, {}, policy(spec))
  const one = () =>
    eventually(
      () => held.length,
      length => length > 0,
    )
  return { ...orders, held, one }
}

t.test('beyond the limit a request waits for another to end, or is refused', async t => {
  const { local, client, held, one } = await startHeld(
    t,
    'concurrency: { maxRequests: 1, maxQueued: 1, queueTimeout: 1m }',
  )
  const first = call(local)
  await one()
  const second = call(local)
  await eventually(
    () => metric(client, 'weft_requests_queued', 'orders'),
    queued => queued === 1,
  )
  const third = await call(local)
  t.equal(third.status, 503)
  t.equal(third.headers['x-weft-reason'], 'overloaded')
  t.equal(third.headers['retry-after'], '1')
  t.equal(held.length, 1, 'the second has not reached the application')
  held.pop()?.end('first')
  t.equal((await first).body, 'first')
  await one()
  held.pop()?.end('second')
  t.equal((await second).body, 'second')
})

t.test('nobody waits longer than the policy lets him', async t => {
  const { local, held, one } = await startHeld(
    t,
    'concurrency: { maxRequests: 1, maxQueued: 5, queueTimeout: 50ms }',
  )
  const first = call(local)
  await one()
  const second = await call(local)
  t.equal(second.headers['x-weft-reason'], 'overloaded')
  t.match(second.body, /none ended in 50 ms/)
  held.pop()?.end()
  t.equal((await first).status, 200)
})

t.test('a place in the queue is free again when who waited goes away', async t => {
  const { local, client, held, one } = await startHeld(
    t,
    'concurrency: { maxRequests: 1, maxQueued: 1, queueTimeout: 1m }',
  )
  const first = call(local)
  await one()
  const gone = http.get({ port: local, agent: false })
  gone.on('error', () => {})
  const queued = () => metric(client, 'weft_requests_queued', 'orders')
  await eventually(queued, value => value === 1)
  // One that only ends its half may still read the answer.
  gone.socket?.resetAndDestroy()
  await eventually(queued, value => value === 0)
  held.pop()?.end()
  t.equal((await first).status, 200)
})

t.test("the application's sidecar refuses what the application does not bear", async t => {
  const { local, client, server, held, one } = await startHeld(
    t,
    `adaptiveConcurrency: { minLimit: 1, maxLimit: 1 }
  circuitBreaker: { minRequests: 2 }
  outlierDetection: { consecutiveFailures: 1 }`,
  )
  await eventually(
    () => metric(server, 'weft_concurrency_limit'),
    limit => limit === 1,
  )
  const first = call(local)
  await one()
  for (let i = 0; i < 5; i++) {
    const answer = await call(local, { method: 'POST' })
    t.equal(answer.status, 503)
    t.equal(answer.headers['x-weft-reason'], 'overloaded')
  }
  t.equal(
    await metric(client, 'weft_circuit_breaker_state', 'orders'),
    0,
    'no reason to shut it off',
  )
  held.pop()?.end('done')
  t.equal((await first).body, 'done')
})

t.test('a caller may find the limit of what it calls by itself', async t => {
  const { local, client, held, one } = await startHeld(
    t,
    'adaptiveConcurrency: { at: outbound, minLimit: 1, maxLimit: 1 }',
  )
  t.equal(await metric(client, 'weft_concurrency_limit', 'orders'), 1)
  const first = call(local)
  await one()
  t.equal((await call(local)).headers['x-weft-reason'], 'overloaded')
  held.pop()?.end()
  t.equal((await first).status, 200)
})
