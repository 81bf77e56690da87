// Faults that a TrafficPolicy injects at the caller's sidecar.
import t from 'tap'
import { ask, connectHttp2, startHttp2Application } from '../support/http2.ts'
import { monotonicNow } from '../../src/base/clock.ts'
import { call, startApplication } from '../support/mesh.ts'
import { metric } from '../support/hops.ts'
import { startOrders } from '../support/orders.ts'

const faults = (list: string): string => `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  circuitBreaker: { minRequests: 1, failureRatio: 0.1 }
  faults: ${list}
`

t.test('requests that match are answered in the place of the service', async t => {
  let seen = 0
  const port = await startApplication(t, (_request, response) => {
    seen++
    response.end('real')
  })
  const { local, client } = await startOrders(
    t,
    port,
    {},
    faults(
      '[{ match: { headers: [{ name: X-User, value: mallory }] }, percent: 100, abort: { httpStatus: 418 } }, { percent: 0, abort: { httpStatus: 500 } }]',
    ),
  )
  const headers = { 'x-user': 'mallory' }
  for (let i = 0; i < 3; i++) {
    const answer = await call(local, { headers })
    t.equal(answer.status, 418)
    t.equal(answer.headers['x-weft-reason'], 'fault_injected')
  }
  t.equal(seen, 0)
  t.equal((await call(local)).body, 'real', 'and the circuit breaker has seen nothing')
  t.equal(await metric(client, 'weft_requests_total', 'reason="fault_injected"'), 3)
  t.equal(await metric(client, 'weft_attempts_total', 'orders', 'outbound'), 1)
})

t.test('a delay comes before the real answer', async t => {
  const port = await startApplication(t, (request, response) => {
    request.pipe(response)
  })
  const { local, client } = await startOrders(
    t,
    port,
    {},
    faults('[{ percent: 100, delay: { duration: 200ms } }]'),
  )
  const startedAt = monotonicNow()
  const { body } = await call(local, { method: 'POST', body: 'kept meanwhile' })
  t.equal(body, 'kept meanwhile')
  // A timer may be a millisecond early.
  t.ok(monotonicNow() - startedAt >= 199)
  t.equal(await metric(client, 'weft_faults_delayed_total', 'orders'), 1)
})

t.test('a delay ends with the time that the caller has', async t => {
  const port = await startApplication(t, (_request, response) => response.end())
  const { local } = await startOrders(
    t,
    port,
    {},
    faults('[{ percent: 100, delay: { duration: 1m } }]'),
  )
  const answer = await call(local, { headers: { 'x-envoy-expected-rq-timeout-ms': '50' } })
  t.equal(answer.status, 504)
})

t.test('a gRPC call gets a status of gRPC', async t => {
  const port = await startHttp2Application(t, () => {})
  const { local } = await startOrders(
    t,
    port,
    { name: 'grpc' },
    faults('[{ percent: 100, abort: { grpcStatus: RESOURCE_EXHAUSTED } }]'),
  )
  const answer = await ask(
    connectHttp2(t, local),
    {
      ':method': 'POST',
      ':path': '/shop.Orders/Get',
      'content-type': 'application/grpc',
      te: 'trailers',
    },
    Buffer.alloc(5),
  )
  t.match(answer.headers, { ':status': 200, 'grpc-status': '8', 'x-weft-reason': 'fault_injected' })
})
