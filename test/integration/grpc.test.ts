// gRPC calls through two sidecars, seen from client and server.
import { once } from 'node:events'
import type http2 from 'node:http2'
import type { Test } from 'tap'
import t from 'tap'
import { ask, connectHttp2, startHttp2Application } from '../support/http2.ts'
import { eventually } from '../support/mesh.ts'
import { startOrders } from '../support/orders.ts'

const call = {
  ':method': 'POST',
  ':path': '/shop.Orders/Get',
  'content-type': 'application/grpc',
  te: 'trailers',
}

/** An uncompressed message of gRPC. */
function message(text: string): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([prefix, Buffer.from(text)])
}

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

function answerWith(status: number, text?: string): Handler {
  return stream => {
    const fields = { 'grpc-status': String(status), 'grpc-message': 'so%20it%20is' }
    const head = { ':status': 200, 'content-type': 'application/grpc' }
    if (text === undefined) return stream.respond({ ...head, ...fields }, { endStream: true })
    stream.respond(head, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers(fields))
    stream.end(message(text))
  }
}

async function startShop(t: Test, handler: Handler, documents = '') {
  const port = await startHttp2Application(t, handler)
  const orders = await startOrders(t, port, { name: 'grpc' }, documents)
  return { ...orders, session: connectHttp2(t, orders.local) }
}

t.test('messages pass both ways, the status follows in trailers', async t => {
  const { session, client } = await startShop(t, (stream, headers) => {
    stream.once('data', (chunk: Buffer) => {
      t.strictSame(chunk, message('which?'))
      answerWith(0, 'that one')(stream, headers)
    })
  })
  const answer = await ask(session, call, message('which?'))
  t.match(answer.headers, { ':status': 200, 'content-type': 'application/grpc' })
  t.strictSame(answer.body, message('that one'))
  t.match(answer.trailers, { 'grpc-status': '0' })
  const logged = client.accessLog.map(line => JSON.parse(line) as object)
  t.match(logged.at(-1), { status: 200, grpcStatus: 0 })
})

t.test('an answer of trailers alone stays one, its message untouched', async t => {
  const { session } = await startShop(t, answerWith(5))
  const answer = await ask(session, call, message(''))
  t.match(answer.headers, { 'grpc-status': '5', 'grpc-message': 'so%20it%20is' })
  t.equal(answer.body.length, 0)
  t.equal(answer.trailers, undefined)
})

t.test('a stream in both directions answers each message as it comes', async t => {
  const { session } = await startShop(t, stream => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    )
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  })
  const stream = session.request(call)
  for (const text of ['one', 'two', 'three']) {
    stream.write(message(text))
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    t.strictSame(chunk, message(text))
  }
  stream.end()
  const [trailers] = (await once(stream, 'trailers')) as [http2.IncomingHttpHeaders]
  t.equal(trailers['grpc-status'], '0')
})

t.test('a deadline shrinks on its way and ends the call', async t => {
  const seen: string[] = []
  const cancelled = Promise.withResolvers<number>()
  const { session } = await startShop(t, (stream, headers) => {
    seen.push(String(headers['grpc-timeout']))
    stream.once('close', () => cancelled.resolve(stream.rstCode))
  })
  const answer = await ask(session, { ...call, 'grpc-timeout': '300m' }, message(''))
  t.match(answer.headers, { 'grpc-status': '4', 'x-weft-reason': 'upstream_timeout' })
  const [, left] = /^(\d+)m$/.exec(seen[0] ?? '') ?? []
  t.ok(Number(left) <= 300 && Number(left) > 0, `the application saw ${seen[0]}`)
  t.equal(await cancelled.promise, 8, 'CANCEL')
})

t.test('a call that the client cancels is cancelled at the server', async t => {
  const opened = Promise.withResolvers<http2.ServerHttp2Stream>()
  const { session } = await startShop(t, stream => opened.resolve(stream))
  const stream = session.request(call)
  stream.on('error', () => {})
  stream.write(message('never mind'))
  const served = await opened.promise
  const closed = once(served, 'close')
  stream.close(8)
  await closed
  t.equal(served.rstCode, 8)
  t.notOk(session.closed, 'the connection goes on')
})

t.test('what the mesh fails has a grpc-status and says why', async t => {
  const { client, server } = await startShop(t, answerWith(0))
  const outbound = connectHttp2(t, client.ports.outbound)
  const unknown = await ask(outbound, { ...call, ':authority': 'nobody' }, message(''))
  t.match(unknown.headers, {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-status': '12',
    'x-weft-reason': 'no_route',
  })
  t.match(unknown.headers['grpc-message'], /nobody/)
  server.close()
  const gone = await eventually(
    () => ask(outbound, { ...call, ':authority': 'orders' }, message('')),
    ({ headers }) => headers['grpc-status'] !== '0',
  )
  t.match(gone.headers, { ':status': 200, 'grpc-status': '14' })
})

t.test('a call that breaks off in the middle ends with a status too', async t => {
  const { session } = await startShop(t, stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(message('first'), () => stream.session?.destroy())
  })
  const answer = await ask(session, call, message(''))
  t.strictSame(answer.body, message('first'))
  t.match(answer.trailers, { 'grpc-status': '14', 'x-weft-reason': /^upstream_/ })
})

const retries = `
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: orders }
spec: { targetRef: { name: orders }, retry: { grpcStatuses: [UNAVAILABLE, RESOURCE_EXHAUSTED], backoff: 1ms } }
`

t.test(
  'a status that the policy lists is tried again, the request and its messages too',
  async t => {
    for (const status of [14, 8]) {
      const bodies: Buffer[] = []
      const { session } = await startShop(
        t,
        (stream, headers) => {
          stream.once('data', (chunk: Buffer) => {
            bodies.push(chunk)
            answerWith(bodies.length < 3 ? status : 0, bodies.length < 3 ? undefined : 'well')(
              stream,
              headers,
            )
          })
        },
        retries,
      )
      const answer = await ask(session, call, message('please'))
      t.strictSame(answer.body, message('well'))
      t.match(answer.trailers, { 'grpc-status': '0' })
      t.strictSame(bodies, [message('please'), message('please'), message('please')])
    }
  },
)

t.test(
  'others are not, nor what the server does not want, nor a call that has begun to answer',
  async t => {
    const answers: Handler[] = [
      answerWith(13),
      answerWith(14, 'half an answer'),
      stream => {
        const fields = { 'grpc-status': '14', 'grpc-retry-pushback-ms': '-1' }
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', ...fields },
          { endStream: true },
        )
      },
    ]
    for (const answer of answers) {
      let calls = 0
      const count: Handler = (stream, headers) => {
        calls++
        answer(stream, headers)
      }
      const { session } = await startShop(t, count, retries)
      await ask(session, call, message('please'))
      t.equal(calls, 1)
    }
  },
)

t.test('a GRPCRoute sends calls by their method', async t => {
  const { session } = await startShop(
    t,
    answerWith(0),
    `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: orders }
spec:
  parentRefs: [{ kind: Service, name: orders }]
  rules: [{ matches: [{ method: { service: shop.Orders, method: Get } }], backendRefs: [{ name: orders, port: 80 }] }]
`,
  )
  t.match((await ask(session, call, message(''))).headers, { 'grpc-status': '0' })
  const other = await ask(session, { ...call, ':path': '/shop.Orders/Put' }, message(''))
  t.match(other.headers, { 'grpc-status': '12', 'x-weft-reason': 'no_route' })
})
