import { once } from 'node:events'
import http from 'node:http'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { WebSocket } from 'ws'
import { startFunctionMesh } from '../support/functions/mesh.ts'

const folder = resolve(import.meta.dirname, '../support/functions')

function document(spec = ''): { document: string } {
  return {
    document: `
apiVersion: weft.dev/v1alpha1
kind: Function
metadata: { name: echo }
spec:
  command: ['${process.execPath}', server.mjs]
  protocol: http
  code: ${folder}
${spec}`,
  }
}

t.test('a function that is a server of HTTP gets requests as they are', async t => {
  const mesh = await startFunctionMesh(
    t,
    document('  environment: { START_DELAY: "150" }\n  handler: hello'),
  )
  t.match(await mesh.call({ path: '/environment?name=K_SERVICE' }), { status: 200, body: 'echo' })
  t.equal((await mesh.call({ path: '/environment?name=FUNCTION_TARGET' })).body, 'hello')
  t.equal((await mesh.call({ path: '/environment?name=AWS_LAMBDA_RUNTIME_API' })).body, '')
  t.match(await mesh.call({ path: '/missing' }), { status: 404, body: 'no such thing' })
  const { pid, ...first } = { pid: (await mesh.call({ path: '/pid' })).body }
  t.same(first, {})
  t.equal((await mesh.call({ path: '/pid' })).body, pid, 'the same instance serves the next')

  await t.test('the answer streams while the request does', async t => {
    const request = http.request({
      port: mesh.caller.ports.outbound,
      method: 'POST',
      path: '/stream',
      headers: { host: 'echo.fn.mesh' },
    })
    request.flushHeaders()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const [head] = (await once(response, 'data')) as [Buffer]
    t.equal(head.toString(), 'one')
    request.end('two')
    t.equal(await text(response), ' two')
  })

  await t.test('a WebSocket is a request that lasts', async t => {
    const socket = new WebSocket(`ws://127.0.0.1:${mesh.caller.ports.outbound}/`, {
      headers: { host: 'echo.fn.mesh' },
    })
    await once(socket, 'open')
    socket.send('hello')
    const [echoed] = (await once(socket, 'message')) as [Buffer]
    t.equal(echoed.toString(), 'hello')
    socket.close()
  })

  await t.test('an event of the Invoke API is posted, and its answer is the result', async t => {
    const { status, headers, body } = await mesh.invoke({ a: 1 })
    t.equal(status, 200)
    t.equal(headers['x-amz-executed-version'], '$LATEST')
    t.same(JSON.parse(body), { method: 'POST', type: 'application/json', body: '{"a":1}' })
    const failed = await mesh.invoke({ do: 'fail' })
    t.equal(failed.headers['x-amz-function-error'], 'Unhandled')
    t.match(JSON.parse(failed.body), { errorType: 'Function.BadStatus', errorMessage: /500/ })
  })

  await t.test('one that ends fails what it held, and is replaced', async t => {
    t.match(await mesh.call({ path: '/exit' }), { status: /^50[23]$/ })
    t.match(await mesh.call({ path: '/environment?name=K_SERVICE' }), { status: 200, body: 'echo' })
    t.not((await mesh.call({ path: '/pid' })).body, pid)
  })
})

t.test('what takes too long is ended, and an instance gets no more than it takes', async t => {
  const mesh = await startFunctionMesh(t, document('  timeout: 1s\n  scale: { max: 3 }'))
  const sleepers = await Promise.all(
    Array.from({ length: 6 }, () => mesh.call({ path: '/sleep?ms=100' })),
  )
  t.same(
    sleepers.map(({ body }) => body.split(' ')[1]),
    Array.from({ length: 6 }, () => '1'),
  )
  const late = await mesh.call({ path: '/hang' })
  t.match(late, { status: 504, headers: { 'x-weft-reason': 'function_timeout' } })
  t.equal((await mesh.call({ path: '/pid' })).status, 200)
})

t.test('with concurrency several requests share an instance', async t => {
  const mesh = await startFunctionMesh(t, document('  concurrency: 10\n  scale: { max: 1 }'))
  const sleepers = await Promise.all(
    Array.from({ length: 10 }, () => mesh.call({ path: '/sleep?ms=200' })),
  )
  t.equal(new Set(sleepers.map(({ body }) => body.split(' ')[0])).size, 1)
  t.ok(sleepers.some(({ body }) => body.endsWith(' 10')))
})

t.test('a caller that goes away frees the instance', async t => {
  const mesh = await startFunctionMesh(t, document('  scale: { max: 1 }\n  timeout: 30s'))
  const port = mesh.caller.ports.outbound
  const request = http.request({ port, path: '/hang', headers: { host: 'echo.fn.mesh' } })
  request.on('error', () => {})
  request.end()
  await once(request, 'finish')
  const second = mesh.call({ path: '/pid' })
  request.socket?.resetAndDestroy()
  t.equal((await second).status, 200)
})
