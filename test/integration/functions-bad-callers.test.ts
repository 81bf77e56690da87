// Callers that leave, dawdle or ask first, and clocks that jump.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { monotonicNow } from '../../src/base/clock.ts'
import { RuntimeSession } from '../../src/functions/runtime/runtime-session.ts'
import { openRuntimeApi } from '../../src/proxy/functions/runtime-api-listener.ts'
import { Gate } from '../support/functions/gate.ts'
import type { FunctionMesh } from '../support/functions/mesh.ts'
import { startBadMesh } from '../support/functions/node-runtime.ts'
import { call, eventually } from '../support/mesh.ts'

const path = '/2015-03-31/functions/echo/invocations'

/** A connection on which an invocation is announced; the body is the test's to send. */
function announce(t: Test, { caller }: FunctionMesh, length: number): net.Socket {
  const socket = net.connect(caller.ports.outbound, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`)
  return socket
}

/** Of its status page, whatever else stands there. */
async function queued({ host }: FunctionMesh): Promise<number> {
  const { body } = await call(host.ports.admin, { path: '/function' })
  return Number(/"queued": ?(\d+)/.exec(body)?.[1])
}

t.test('an event whose caller has left before its turn is never run', async t => {
  const mesh = await startBadMesh(t, '  timeout: 5s\n  scale: { max: 1 }')
  const [first, second] = [await Gate.open(t), await Gate.open(t)]
  const working = mesh.invoke({ action: 'wait', port: first.port })
  await first.waiting(1)
  const event = JSON.stringify({ action: 'wait', port: second.port })
  const leaving = announce(t, mesh, event.length)
  leaving.write(event)
  await eventually(
    () => queued(mesh),
    count => count === 1,
  )
  leaving.resetAndDestroy()
  await eventually(
    () => queued(mesh),
    count => count === 0,
  )
  first.openAll()
  t.match((await working).body, /^\d+$/)
  t.equal((await mesh.invoke('1')).body, '1')
  t.same(second.pids, [])
})

t.test('a caller that leaves while its event is worked on stops nothing', async t => {
  const mesh = await startBadMesh(t, '  timeout: 5s\n  scale: { max: 1 }')
  const gate = await Gate.open(t)
  const event = JSON.stringify({ action: 'wait', port: gate.port })
  const leaving = announce(t, mesh, event.length)
  leaving.write(event)
  const [pid] = await gate.waiting(1)
  leaving.resetAndDestroy()
  const next = mesh.invoke({ action: 'pid' })
  gate.openAll()
  t.equal((await next).body, String(pid))
})

t.test('a caller that breaks its event off has none run', async t => {
  const mesh = await startBadMesh(t)
  const broken = announce(t, mesh, 1000)
  broken.write('{"action":"exit","code":1}')
  broken.end()
  await once(broken.resume(), 'close')
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('a caller that sends byte by byte keeps nobody from calling', async t => {
  const mesh = await startBadMesh(t, '  scale: { max: 1 }')
  const slow = announce(t, mesh, 3)
  slow.write('"')
  t.equal((await mesh.invoke('1')).body, '1')
  slow.write('a')
  t.equal((await mesh.invoke('2')).body, '2')
  slow.write('"')
  const [answer] = (await once(slow, 'data')) as [Buffer]
  t.match(answer.toString(), /^HTTP\/1\.1 200 /)
})

t.test('a caller that asks before it sends is told to go on', async t => {
  const mesh = await startBadMesh(t)
  const request = http.request({
    host: '127.0.0.1',
    port: mesh.caller.ports.outbound,
    method: 'POST',
    path,
    agent: false,
    headers: { expect: '100-continue' },
  })
  request.flushHeaders()
  await once(request, 'continue')
  request.end('[1]')
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const [body] = (await once(response, 'data')) as [Buffer]
  t.equal(body.toString(), '[1]')
})

for (const jumpMs of [86_400_000, -86_400_000])
  t.test(`a wall clock that jumps by ${jumpMs} ms moves no timeout`, async t => {
    let offsetMs = 0
    const outcome = Promise.withResolvers<string>()
    const clocks = { now: monotonicNow, wallNow: () => 1_700_000_000_000 + offsetMs }
    const events = {
      onReady: () => {},
      onRoom: () => {},
      onInitError: () => {},
      onDone: () => {},
      onTimeout: () => {},
      onSilence: () => {},
    }
    const session = new RuntimeSession({ concurrency: 1, timeoutMs: 150 }, events, clocks)
    const endpoint = await openRuntimeApi(session)
    t.teardown(() => endpoint.close())
    const question = call(endpoint.port, { path: '/2018-06-01/runtime/invocation/next' })
    await eventually(
      () => session.hasRoom,
      room => room,
    )
    const startedAt = monotonicNow()
    session.dispatch({
      id: 'a',
      payload: Buffer.from('{}'),
      functionArn: 'arn',
      traceId: undefined,
      clientContext: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      receiver: {
        onResult: () => outcome.resolve('result'),
        onFault: ({ errorType }) => outcome.resolve(errorType),
        onStreamHead: () => {},
        onStreamChunk: () => true,
        onStreamEnd: () => {},
      },
    })
    offsetMs = jumpMs
    t.equal((await question).headers['lambda-runtime-deadline-ms'], '1700000000150')
    t.equal(await outcome.promise, 'Sandbox.Timedout')
    const tookMs = monotonicNow() - startedAt
    t.ok(tookMs >= 140 && tookMs < 2000, `${tookMs} ms`)
    session.end(() => ({ stage: 'ended', errorType: '', message: '', document: Buffer.alloc(0) }))
  })
