// Who tries again, and who does not, along several hops of sidecars.
import t from 'tap'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { metric, startHops } from '../support/hops.ts'
import { startOrders } from '../support/orders.ts'

const passedOn = {
  'the request id': 'x-request-id',
  'the trace': 'traceparent',
} as const

for (const [what, header] of Object.entries(passedOn))
  t.test(`what a lower hop tried in vain is not tried again above, by ${what}`, async t => {
    const seen = { front: 0, back: 0 }
    const { local, client, front } = await startHops(t, {
      async front(request, response, ask) {
        seen.front++
        const { status } = await ask({
          'x-request-id': 'of-its-own',
          [header]: request.headers[header] ?? '',
        })
        response.writeHead(status === 200 ? 200 : 503).end()
      },
      back(_request, response) {
        seen.back++
        response.writeHead(503).end()
      },
    })
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const answer = await call(local, { headers: { traceparent } })
    t.equal(answer.status, 503)
    t.equal(answer.headers['x-weft-retried'], undefined, 'that is between sidecars')
    t.strictSame(seen, { front: 1, back: 3 })
    t.equal(await metric(client, 'weft_retries_total', 'cluster="front.default:80"'), 0)
    t.equal(await metric(front, 'weft_attempts_total', 'cluster="back.default:80"'), 3)
    t.equal(
      await metric(front, 'weft_requests_total', 'cluster="back.default:80"', 'outbound'),
      1,
      'one request before retries, three tries after',
    )
  })

t.test('an application that passes nothing on is known by the time of its failure', async t => {
  const seen = { front: 0, back: 0 }
  const { local } = await startHops(t, {
    async front(_request, response, ask) {
      seen.front++
      await ask()
      response.writeHead(502).end()
    },
    back(_request, response) {
      seen.back++
      response.writeHead(503).end()
    },
  })
  t.equal((await call(local)).status, 502)
  t.strictSame(seen, { front: 1, back: 3 })
})

t.test('a failure that nobody below tried again is tried again above', async t => {
  const seen = { front: 0, back: 0 }
  const { local } = await startHops(t, {
    async front(request, response, ask) {
      seen.front++
      await ask({ 'x-request-id': request.headers['x-request-id'] })
      response.writeHead(503).end()
    },
    back(_request, response) {
      seen.back++
      response.end()
    },
  })
  t.equal((await call(local)).status, 503)
  t.strictSame(seen, { front: 3, back: 3 })
})

t.test('calls for a request that is a repetition itself are not repeated', async t => {
  const seen = { front: 0, back: 0 }
  const { local } = await startHops(t, {
    async front(request, response, ask) {
      seen.front++
      // The first try fails by itself.
      if (seen.front > 1) await ask({ 'x-request-id': request.headers['x-request-id'] })
      response.writeHead(503).end()
    },
    back(_request, response) {
      seen.back++
      response.writeHead(503).end()
    },
    documents: policy('front', 'retry: { attempts: 1 }'),
  })
  t.equal((await call(local)).status, 503)
  t.strictSame(seen, { front: 2, back: 1 })
})

t.test('nobody outside the mesh can say that it was tried again already', async t => {
  let seen = 0
  const port = await startApplication(t, (_request, response) => {
    seen++
    response.setHeader('x-weft-retried', '1')
    response.writeHead(503).end()
  })
  const { local } = await startOrders(t, port)
  const answer = await call(local)
  t.equal(answer.headers['x-weft-retried'], undefined)
  t.equal(seen, 3)
})

t.test('a POST is repeated by its Idempotency-Key where the policy says so', async t => {
  let seen = 0
  const port = await startApplication(t, (_request, response) => {
    seen++
    response.writeHead(seen === 2 ? 201 : 503).end()
  })
  const documents = policy('orders', 'retry: { idempotencyKey: true }')
  const { local } = await startOrders(t, port, {}, documents)
  const headers = { 'idempotency-key': '1' }
  t.equal((await call(local, { method: 'POST', body: 'x', headers })).status, 201)
  t.equal((await call(local, { method: 'POST', body: 'x' })).status, 503)
  t.equal(seen, 3)
})

t.test('a budget of Gateway API bounds the retries of a Service', async t => {
  let seen = 0
  const port = await startApplication(t, (_request, response) => {
    seen++
    response.writeHead(503).end()
  })
  const { local, client } = await startOrders(
    t,
    port,
    {},
    `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: { name: orders }
spec:
  targetRefs: [{ group: '', kind: Service, name: orders }]
  retryConstraint:
    budget: { percent: 0, interval: 10s }
    minRetryRate: { count: 1, interval: 1h }
`,
  )
  for (let i = 0; i < 3; i++) t.equal((await call(local)).status, 503)
  t.equal(seen, 3)
  t.equal(await metric(client, 'weft_retries_total', 'orders'), 0)
})

const route = (name: string, path: string) => `
    - name: ${name}
      matches: [{ path: { value: ${path} } }]
      backendRefs: [{ name: orders, port: 80 }]`

t.test('a rule of a route has its own retries and its own circuit breaker', async t => {
  const seen = { write: 0, read: 0 }
  const port = await startApplication(t, (request, response) => {
    const isRead = request.url === '/read'
    seen[isRead ? 'read' : 'write']++
    response.writeHead(isRead ? 200 : 500).end()
  })
  const { local, client } = await startOrders(
    t,
    port,
    {},
    `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: orders }
spec:
  parentRefs: [{ group: '', kind: Service, name: orders }]
  rules:${route('read', '/read')}${route('write', '/write')}
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: write }
spec:
  targetRef: { kind: HTTPRoute, name: orders, sectionName: write }
  retry: { attempts: 1, statuses: [500], backoff: 0s }
  circuitBreaker: { minRequests: 2, openFor: 1h }
`,
  )
  t.equal((await call(local, { path: '/write' })).status, 500)
  t.equal(seen.write, 2, 'the policy of the rule has it repeated once')
  const refused = await eventually(
    () => call(local, { path: '/write' }),
    ({ headers }) => headers['x-weft-reason'] === 'circuit_open',
  )
  t.match(refused.body, /circuit breaker of route .*default\/orders\/1 is open/)
  t.equal((await call(local, { path: '/read' })).status, 200, 'the rest of the Service goes on')
  t.equal(await metric(client, 'weft_route_circuit_breaker_state', 'default/orders/1'), 2)
})

function policy(service: string, spec: string): string {
  return `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${service} }
spec:
  targetRef: { name: ${service} }
  ${spec}
`
}
