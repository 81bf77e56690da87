// The API over real sockets, with a client in the place of a runtime.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { RuntimeSession } from '../../../../src/functions/runtime/runtime-session.ts'
import type { Invocation } from '../../../../src/functions/invocation.ts'
import { openRuntimeApi } from '../../../../src/proxy/functions/runtime-api-listener.ts'
import { call, eventually, type Answer } from '../../../support/mesh.ts'

const base = '/2018-06-01/runtime'

interface Scene {
  readonly port: number
  readonly session: RuntimeSession
  /** What became of the invocations, in order. */
  readonly outcomes: string[]
  readonly post: (
    path: string,
    body?: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** Asks for an event, and hands this one out. */
  readonly next: (id: string, payload?: string) => Promise<Answer>
}

async function startScene(t: Test): Promise<Scene> {
  const outcomes: string[] = []
  const session = new RuntimeSession(
    { concurrency: 1, timeoutMs: 60_000 },
    {
      onReady: () => outcomes.push('ready'),
      onRoom: () => {},
      onInitError: ({ errorType }) => outcomes.push(`init: ${errorType}`),
      onDone: () => {},
      onTimeout: () => {},
      onSilence: () => {},
    },
    { now: () => 0, wallNow: () => 1_700_000_000_000 },
  )
  const endpoint = await openRuntimeApi(session)
  const { port } = endpoint
  t.teardown(() => {
    session.end(() => ({ stage: 'ended', errorType: '', message: '', document: Buffer.alloc(0) }))
    endpoint.close()
  })
  const invocation = (id: string, payload: string): Invocation => ({
    id,
    payload: Buffer.from(payload),
    functionArn: 'arn:aws:lambda:local:000000000000:function:f',
    traceId: 'Root=1-a-b',
    clientContext: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    receiver: {
      onResult: (result, type) => outcomes.push(`${id}: ${result.toString().slice(0, 20)} ${type}`),
      onFault: ({ errorType }) => outcomes.push(`${id} failed: ${errorType}`),
      onStreamHead: type => outcomes.push(`${id} streams ${type}`),
      onStreamChunk: chunk => outcomes.push(`${id}+${chunk.toString()}`) > 0,
      onStreamEnd: fault => outcomes.push(`${id} ends: ${fault?.errorType ?? 'well'}`),
    },
  })
  return {
    port,
    session,
    outcomes,
    post: (path, body = '', headers = {}) =>
      call(port, { method: 'POST', path: base + path, body, headers: { ...headers } }),
    next: async (id, payload = '{}') => {
      const answer = call(port, { path: `${base}/invocation/next` })
      await eventually(
        () => session.hasRoom,
        room => room,
      )
      session.dispatch(invocation(id, payload))
      return answer
    },
  }
}

t.test('the next event comes with all that runtimes rely on', async t => {
  const { next, session, outcomes, post } = await startScene(t)
  const { status, headers, body } = await next('id-1', '{"a":1}')
  t.equal(status, 200)
  t.equal(body, '{"a":1}')
  t.match(headers, {
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': 'id-1',
    'lambda-runtime-deadline-ms': '1700000060000',
    'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:local:000000000000:function:f',
    'lambda-runtime-trace-id': 'Root=1-a-b',
  })
  t.equal(headers['lambda-runtime-client-context'], undefined)
  const accepted = await post('/invocation/id-1/response', '[1]')
  t.equal(accepted.status, 202)
  t.same(outcomes, ['ready', 'id-1: [1] application/json'])
  t.equal(session.active, 0)
})

t.test('answers that fit no event are refused', async t => {
  const { next, post, outcomes } = await startScene(t)
  const unknown = await post('/invocation/nobody/response', '1')
  t.equal(unknown.status, 400)
  t.equal(JSON.parse(unknown.body).errorType, 'InvalidRequestID')
  await next('a')
  await post('/invocation/a/response', '1')
  const second = await post('/invocation/a/response', '2')
  t.equal(second.status, 403)
  t.equal(JSON.parse(second.body).errorType, 'InvalidStateTransition')
  t.equal((await post('/invocation/a/error', '{}')).status, 403)
  t.same(outcomes, ['ready', 'a: 1 application/json'])
})

t.test('an answer that is too large fails the invocation, and the runtime lives on', async t => {
  const { next, post, outcomes } = await startScene(t)
  await next('a')
  const answer = await post('/invocation/a/response', 'x'.repeat(6_291_557))
  t.equal(answer.status, 413)
  t.equal(JSON.parse(answer.body).errorType, 'RequestEntityTooLarge')
  await next('b')
  await post('/invocation/b/response', 'x'.repeat(6_291_556))
  t.same(outcomes.slice(1), [
    'a failed: Function.ResponseSizeTooLarge',
    `b: ${'x'.repeat(20)} application/json`,
  ])
})

t.test('a header of a megabyte is taken', async t => {
  const { next, post, outcomes } = await startScene(t)
  await next('a')
  const cause = 'x'.repeat(1_048_576)
  const { status } = await post('/invocation/a/error', '{"errorType":"E"}', {
    'lambda-runtime-function-xray-error-cause': cause,
  })
  t.equal(status, 202)
  t.equal(outcomes.at(-1), 'a failed: E')
})

t.test('an answer that breaks off fails its invocation', async t => {
  const { next, port, outcomes } = await startScene(t)
  await next('a')
  const socket = net.connect(port, '127.0.0.1')
  const head = `POST ${base}/invocation/a/response HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n`
  socket.write(`${head}half`, () => socket.resetAndDestroy())
  await eventually(
    () => outcomes.at(-1),
    last => last === 'a failed: Runtime.TruncatedResponse',
  )
})

t.test('a question whose connection breaks gets no event', async t => {
  const { port, session } = await startScene(t)
  const socket = net.connect(port, '127.0.0.1')
  socket.write(`GET ${base}/invocation/next HTTP/1.1\r\nhost: x\r\n\r\n`)
  await eventually(
    () => session.hasRoom,
    room => room,
  )
  socket.resetAndDestroy()
  await eventually(
    () => session.hasRoom,
    room => !room,
  )
})

t.test('a stream goes on as it comes, and its trailers say how it ended', async t => {
  const { next, port, outcomes } = await startScene(t)
  const stream = async (id: string, trailers: Readonly<Record<string, string>>) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: `${base}/invocation/${id}/response`,
      agent: false,
      headers: {
        'lambda-runtime-function-response-mode': 'streaming',
        'content-type': 'text/plain',
        'transfer-encoding': 'chunked',
        trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
      },
    })
    request.write('one')
    await eventually(
      () => outcomes.at(-1),
      last => last === `${id}+one`,
    )
    request.addTrailers(trailers)
    request.end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    t.equal(response.statusCode, 202)
    response.resume()
  }
  await next('a')
  await stream('a', {})
  await next('b')
  await stream('b', { 'Lambda-Runtime-Function-Error-Type': 'Function.Broken' })
  t.same(outcomes.slice(1), [
    'a streams text/plain',
    'a+one',
    'a ends: well',
    'b streams text/plain',
    'b+one',
    'b ends: Function.Broken',
  ])
})

t.test('a start fails once, and not when the first event was asked for', async t => {
  const { post, outcomes } = await startScene(t)
  const error = '{"errorType":"Runtime.ImportModuleError","errorMessage":"no"}'
  t.equal((await post('/init/error', error)).status, 202)
  t.equal((await post('/init/error', error)).status, 403)
  t.same(outcomes, ['init: Runtime.ImportModuleError'])
})

t.test('a client that asks before it sends is told to go on', async t => {
  const { next, port, outcomes } = await startScene(t)
  await next('a')
  const request = http.request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: `${base}/invocation/a/response`,
    agent: false,
    headers: { expect: '100-continue' },
  })
  request.flushHeaders()
  await once(request, 'continue')
  request.end('1')
  await once(request, 'response')
  t.equal(outcomes.at(-1), 'a: 1 application/json')
})

t.test('other paths are not there', async t => {
  const { port, post } = await startScene(t)
  t.equal((await call(port, { path: '/2018-06-01/runtime/nothing' })).status, 404)
  t.equal((await call(port, { path: '/2020-01-01/extension/register' })).status, 404)
  t.equal((await post('/restore/error')).status, 404)
})
