// Deadlines along several hops: who is told what is left, and what is not sent any more.
import { once } from 'node:events'
import t from 'tap'
import { ask, connectHttp2, startHttp2Application } from '../support/http2.ts'
import { call, eventually, startApplication } from '../support/mesh.ts'
import { startHops } from '../support/hops.ts'
import { startOrders } from '../support/orders.ts'

const expected = 'x-envoy-expected-rq-timeout-ms'

t.test("a caller's deadline ends its request, and the application knows what is left", async t => {
  let seen: string | string[] | undefined
  const port = await startApplication(t, request => {
    seen = request.headers[expected]
    t.equal(request.headers['x-weft-timeout-ms'], undefined, 'that is between sidecars')
  })
  const { local } = await startOrders(t, port)
  await eventually(
    () => call(local, { headers: { [expected]: '400' } }),
    // The first request has to connect, and may take all its time for that.
    ({ headers }) => headers['x-weft-reason'] === 'upstream_timeout' && seen !== undefined,
  )
  t.ok(Number(seen) > 0 && Number(seen) <= 400, String(seen))
})

t.test('what is no time is ignored', async t => {
  const port = await startApplication(t, (request, response) =>
    response.end(String(request.headers[expected])),
  )
  const { local } = await startOrders(t, port)
  for (const value of ['soon', '-1', '0', '1.5'])
    t.equal((await call(local, { headers: { [expected]: value } })).body, value)
})

t.test('calls that an application makes for a request have what is left of its time', async t => {
  const seen: (string | string[] | undefined)[] = []
  const { local } = await startHops(t, {
    async front(request, response, askBack) {
      await askBack({ 'x-request-id': request.headers['x-request-id'] })
      await askBack({ 'x-request-id': request.headers['x-request-id'], [expected]: '90000' })
      await askBack({ 'x-request-id': request.headers['x-request-id'], [expected]: '20000' })
      await askBack()
      response.end()
    },
    back(request, response) {
      seen.push(request.headers[expected])
      response.end()
    },
  })
  await call(local, { headers: { [expected]: '60000' } })
  const [inherited, longer, shorter, unknown] = seen.map(Number)
  t.ok(inherited !== undefined && inherited > 20_000 && inherited <= 60_000, String(inherited))
  t.ok(longer !== undefined && longer > 20_000 && longer <= 60_000, String(longer))
  t.ok(shorter !== undefined && shorter > 0 && shorter <= 20_000, String(shorter))
  t.ok(Number.isNaN(unknown), 'a call that belongs to nobody has no deadline')
})

t.test('after the deadline nothing is sent any more', async t => {
  let back = 0
  const late: number[] = []
  const { local } = await startHops(t, {
    async front(request, response, askBack) {
      if (request.url === '/warm') return void response.end()
      // The caller's sidecar gives the request up at the deadline.
      await once(response, 'close')
      late.push((await askBack({ 'x-request-id': request.headers['x-request-id'] })).status)
    },
    back(_request, response) {
      back++
      response.end()
    },
  })
  await call(local, { path: '/warm' })
  t.equal((await call(local, { headers: { [expected]: '1500' } })).status, 504)
  await eventually(
    () => late.length,
    length => length > 0,
  )
  t.strictSame(late, [504])
  t.equal(back, 0)
})

t.test('the sidecar of the application enforces what the caller has left', async t => {
  const port = await startApplication(t, () => {})
  const { local, server } = await startOrders(t, port)
  await call(local, { headers: { [expected]: '300' } })
  const logged = await eventually(
    () => server.accessLog.map(line => JSON.parse(line) as { reason?: string }),
    lines => lines.length > 0,
  )
  // Whichever of the two sidecars is first.
  t.match(logged.at(-1)?.reason, /^(upstream_timeout|downstream_closed)$/)
})

t.test('a gRPC call takes its deadline along', async t => {
  let seen: string | string[] | undefined
  const port = await startHttp2Application(t, (stream, headers) => {
    seen = headers['grpc-timeout']
    const head = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }
    stream.respond(head, { endStream: true })
  })
  const { local } = await startOrders(t, port, { name: 'grpc' })
  await ask(
    connectHttp2(t, local),
    {
      ':method': 'POST',
      ':path': '/shop.Orders/Get',
      'content-type': 'application/grpc',
      'grpc-timeout': '60S',
      te: 'trailers',
    },
    Buffer.alloc(5),
  )
  t.match(seen, /^\d+m$/)
  t.ok(Number.parseInt(String(seen), 10) <= 60_000)
})

t.test('a policy of a route gives it a time', async t => {
  const port = await startApplication(t, () => {})
  const { local } = await startOrders(
    t,
    port,
    {},
    `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec:
  targetRef: { name: orders }
  timeouts: { request: 100ms }
`,
  )
  const answer = await call(local)
  t.equal(answer.status, 504)
  t.equal(answer.headers['x-weft-reason'], 'upstream_timeout')
})
