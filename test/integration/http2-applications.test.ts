// Applications that speak HTTP/2 with prior knowledge, on either side of the mesh.
import type { Test } from 'tap'
import t from 'tap'
import { ask, connectHttp2, startHttp2Application } from '../support/http2.ts'
import { call, startApplication } from '../support/mesh.ts'
import { startOrders } from '../support/orders.ts'

/** Echoes; `seen` are the request lines that came, whatever they asked. */
async function startHttp1Echo(t: Test) {
  const seen: string[] = []
  const port = await startApplication(t, (request, response) => {
    seen.push(`${request.method} HTTP/${request.httpVersion}`)
    response.writeHead(200, { 'x-version': '1.1', 'x-host': request.headers.host })
    request.pipe(response)
  })
  return { port, seen }
}

function startHttp2Echo(t: Test): Promise<number> {
  return startHttp2Application(t, (stream, headers) => {
    const head = { ':status': 200, 'x-version': '2', 'x-host': headers[':authority'] }
    stream.respond(head, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '42' }))
    stream.pipe(stream)
  })
}

t.test('an HTTP/2 client reaches an HTTP/1 application', async t => {
  const { local } = await startOrders(t, (await startHttp1Echo(t)).port)
  const session = connectHttp2(t, local)
  t.match((await ask(session, { ':path': '/orders/7' })).headers, {
    ':status': 200,
    'x-version': '1.1',
  })
  const bodies = Array.from({ length: 50 }, (_, index) =>
    Buffer.alloc(1000 * index, `${index % 10}`),
  )
  const answers = await Promise.all(
    bodies.map(body => ask(session, { ':method': 'POST', ':path': '/' }, body)),
  )
  t.ok(answers.every(({ headers }) => headers[':status'] === 200))
  t.ok(answers.every(({ body }, index) => bodies[index]?.equals(body)))
})

t.test('an HTTP/2 client reaches an HTTP/2 application, trailers and all', async t => {
  const { local } = await startOrders(t, await startHttp2Echo(t))
  const session = connectHttp2(t, local)
  const answer = await ask(session, { ':method': 'POST', ':path': '/', te: 'trailers' }, 'abc')
  t.match(answer.headers, { ':status': 200, 'x-version': '2' })
  t.equal(answer.body.toString(), 'abc')
  t.match(answer.trailers, { 'x-checksum': '42' })
})

t.test('an HTTP/1 client reaches an HTTP/2 application where the port says so', async t => {
  for (const declared of [{ name: 'grpc-orders' }, { appProtocol: 'kubernetes.io/h2c' }]) {
    const { local } = await startOrders(t, await startHttp2Echo(t), declared)
    const answer = await call(local, { method: 'POST', body: 'abc', headers: { host: 'shop' } })
    t.match(answer, { status: 200, body: 'abc', headers: { 'x-version': '2', 'x-host': 'shop' } })
  }
})

t.test('an application that was declared to speak HTTP/1 is not asked for HTTP/2', async t => {
  const { port, seen } = await startHttp1Echo(t)
  const { local } = await startOrders(t, port, { name: 'http' })
  const { headers } = await ask(connectHttp2(t, local), { ':path': '/' })
  t.match(headers, { ':status': 200, 'x-version': '1.1' })
  t.notOk(seen.some(line => line.startsWith('PRI')))
})

t.test('the outbound port routes by :authority, and says why it does not', async t => {
  const { client } = await startOrders(t, (await startHttp1Echo(t)).port)
  const session = connectHttp2(t, client.ports.outbound)
  const known = await ask(session, { ':authority': 'orders', ':path': '/' })
  t.match(known.headers, { ':status': 200, 'x-host': 'orders' })
  const unknown = await ask(session, { ':authority': 'nobody', ':path': '/' })
  t.match(unknown.headers, { ':status': 404, 'x-weft-reason': 'no_route' })
})

t.test('a large body passes both ways within the windows', async t => {
  const body = Buffer.alloc(8 * 1024 * 1024, 'x')
  for (const port of [(await startHttp1Echo(t)).port, await startHttp2Echo(t)]) {
    const { local } = await startOrders(t, port)
    const answer = await ask(connectHttp2(t, local), { ':method': 'POST', ':path': '/' }, body)
    t.ok(answer.body.equals(body))
  }
})

t.test('HTTP/1 and HTTP/2 clients share a port', async t => {
  const { local } = await startOrders(t, (await startHttp1Echo(t)).port)
  const session = connectHttp2(t, local)
  const [second, first] = await Promise.all([ask(session, { ':path': '/' }), call(local)])
  t.equal(first.status, 200)
  t.equal(second.headers[':status'], 200)
})

t.test('an application that is gone is not taken for one of HTTP/1', async t => {
  const { port } = await startHttp1Echo(t)
  const { local } = await startOrders(t, 1)
  t.not(port, 1)
  const { headers } = await ask(connectHttp2(t, local), { ':path': '/' })
  t.match(headers, { ':status': 503 })
})
