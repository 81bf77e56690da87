import { readFileSync } from 'node:fs'
import t from 'tap'
import { startFunctionMesh, invoke } from '../support/functions/mesh.ts'
import { call, eventually } from '../support/mesh.ts'

t.test('a function is called by HTTP through both sidecars, with payload format 2.0', async t => {
  const mesh = await startFunctionMesh(t)
  const answer = await mesh.call({
    path: '/a%2Fb?x=1&x=2',
    method: 'POST',
    body: 'hello',
    headers: { 'content-type': 'text/plain', cookie: 'a=1; b=2' },
  })
  t.equal(answer.status, 200)
  const event = JSON.parse(answer.body)
  t.match(event, {
    version: '2.0',
    rawPath: '/a%2Fb',
    rawQueryString: 'x=1&x=2',
    cookies: ['a=1', 'b=2'],
    queryStringParameters: { x: '1,2' },
    body: 'hello',
    isBase64Encoded: false,
    requestContext: {
      domainName: 'echo.fn.mesh',
      http: { method: 'POST', path: '/a%2Fb' },
      authentication: { clientCert: { subjectDN: 'URI=spiffe://weft.local/ns/default/sa/caller' } },
    },
  })
})

t.test('a function is invoked by the Lambda API, and gets the event as it was sent', async t => {
  const mesh = await startFunctionMesh(t)
  const { status, body, headers } = await mesh.invoke({ some: ['event'] })
  t.equal(status, 200)
  t.equal(body, '{"some":["event"]}')
  t.equal(headers['x-amz-executed-version'], '$LATEST')
  t.match(headers['x-amzn-requestid'], /^[0-9a-f-]{36}$/)
})

t.test('what a handler throws comes back as the runtime reported it', async t => {
  const mesh = await startFunctionMesh(t)
  const { status, body, headers } = await mesh.invoke({ action: 'throw', message: 'out of apples' })
  t.equal(status, 200)
  t.equal(headers['x-amz-function-error'], 'Unhandled')
  t.same(JSON.parse(body), { errorType: 'Error', errorMessage: 'out of apples' })
})

t.test('an unknown function is answered with the API’s own error', async t => {
  const mesh = await startFunctionMesh(t)
  const { status, body, headers } = await invoke(mesh.caller.ports.outbound, 'nobody', {
    event: {},
  })
  t.equal(status, 404)
  t.equal(headers['x-amzn-errortype'], 'ResourceNotFoundException')
  t.same(JSON.parse(body), {
    Type: 'User',
    Message: 'Function not found: arn:aws:lambda:local:000000000000:function:nobody:$LATEST',
  })
})

t.test('a runtime that exits fails what it held, and is replaced', async t => {
  const mesh = await startFunctionMesh(t)
  const { body, headers } = await mesh.invoke({ action: 'exit', code: 7 })
  t.equal(headers['x-amz-function-error'], 'Unhandled')
  const { errorType, errorMessage } = JSON.parse(body)
  t.equal(errorType, 'Runtime.ExitError')
  t.match(errorMessage, /^RequestId: \S+ Error: Runtime exited with error: exit status 7$/)
  t.equal((await mesh.invoke('"next"')).body, '"next"')
})

t.test(
  'a handler that hangs is answered for at its timeout, and its instance replaced',
  async t => {
    const mesh = await startFunctionMesh(t, '  timeout: 300ms')
    const pid = (await mesh.invoke({ action: 'pid' })).body
    const { body, headers } = await mesh.invoke({ action: 'hang' })
    t.equal(headers['x-amz-function-error'], 'Unhandled')
    const { errorType, errorMessage } = JSON.parse(body)
    t.equal(errorType, 'Sandbox.Timedout')
    t.match(errorMessage, /Error: Task timed out after 0\.30 seconds$/)
    t.not((await mesh.invoke({ action: 'pid' })).body, pid)
    const byHttp = await mesh.call({ method: 'POST', body: '{}' })
    t.equal(byHttp.status, 200)
  },
)

for (const [handler, errorType, initTimeout] of [
  ['missing', 'Runtime.HandlerNotFound', '10s'],
  ['dies', 'Runtime.ExitError', '10s'],
  ['never', 'Sandbox.Timedout', '300ms'],
] as const)
  t.test(`a runtime whose start fails by "${handler}" says so to those who call`, async t => {
    const mesh = await startFunctionMesh(t, `  handler: ${handler}\n  initTimeout: ${initTimeout}`)
    const { status, body, headers } = await mesh.invoke({})
    t.equal(status, 200)
    t.equal(headers['x-amz-function-error'], 'Unhandled')
    t.equal(JSON.parse(body).errorType, errorType)
    const byHttp = await mesh.call()
    t.equal(byHttp.status, 502)
    t.equal(byHttp.headers['x-weft-reason'], 'function_failed')
  })

t.test('a megabyte of errors costs nobody anything', async t => {
  const mesh = await startFunctionMesh(t)
  const { body } = await mesh.invoke({ action: 'shout', bytes: 1_000_000 })
  t.equal(body, '"shouted"')
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('whoever asks for the log gets what was written since the event came', async t => {
  const mesh = await startFunctionMesh(t)
  const { headers } = await mesh.invoke(
    { action: 'say', text: 'a word' },
    { 'x-amz-log-type': 'Tail' },
  )
  const log = Buffer.from(String(headers['x-amz-log-result']), 'base64').toString()
  t.match(log, /^START RequestId: \S+ Version: \$LATEST\na word\nEND RequestId: \S+\nREPORT/)
})

t.test('of two answers to one event the first counts', async t => {
  const mesh = await startFunctionMesh(t)
  t.equal((await mesh.invoke({ twice: true })).body, '{"twice":true}')
  t.equal((await mesh.invoke('1')).body, '1')
})

t.test('what is no JSON, or too large, is refused with the API’s own errors', async t => {
  const mesh = await startFunctionMesh(t)
  const notJson = await mesh.invoke('{no')
  t.equal(notJson.status, 400)
  t.equal(notJson.headers['x-amzn-errortype'], 'InvalidRequestContentException')
  const tooLarge = await mesh.invoke(JSON.stringify('x'.repeat(6_291_556)))
  t.equal(tooLarge.status, 413)
  t.equal(tooLarge.headers['x-amzn-errortype'], 'RequestTooLargeException')
  const largest = await mesh.invoke(JSON.stringify('x'.repeat(6_291_554)))
  t.equal(largest.body.length, 6_291_556)
})

t.test('a result over the limit is a function error', async t => {
  const mesh = await startFunctionMesh(t)
  const { body, headers } = await mesh.invoke({ action: 'large', bytes: 6_291_556 })
  t.equal(headers['x-amz-function-error'], 'Unhandled')
  t.equal(JSON.parse(body).errorType, 'Function.ResponseSizeTooLarge')
})

t.test('a burst at a function without instances is queued, and none of it lost', async t => {
  const mesh = await startFunctionMesh(t)
  const calls = Array.from({ length: 300 }, (_, index) => mesh.invoke(index))
  const answers = await Promise.all(calls)
  t.same(
    answers.map(({ body }) => body),
    answers.map((_, index) => String(index)),
  )
})

t.test('one instance works on as many events at once as the function allows', async t => {
  const mesh = await startFunctionMesh(t, '  concurrency: 8\n  scale: { max: 1 }')
  const calls = Array.from({ length: 8 }, () => mesh.invoke({ action: 'sleep', ms: 200 }))
  const pids = new Set((await Promise.all(calls)).map(({ body }) => body))
  t.equal(pids.size, 1)
})

const json = { 'content-type': 'application/json' }

t.test('what a function returns is the answer of HTTP, in payload format 2.0', async t => {
  const mesh = await startFunctionMesh(t)
  const returned = (result: unknown) =>
    mesh.call({ method: 'POST', headers: json, body: JSON.stringify({ action: 'return', result }) })
  const full = await returned({
    statusCode: '418',
    headers: { 'X-Pot': 'tea', 'content-type': 'text/plain' },
    cookies: ['a=1; Path=/', 'b=2'],
    body: Buffer.from('short and stout').toString('base64'),
    isBase64Encoded: true,
  })
  t.equal(full.status, 418)
  t.equal(full.headers['x-pot'], 'tea')
  t.equal(full.headers['content-type'], 'text/plain')
  t.same(full.headers['set-cookie'], ['a=1; Path=/', 'b=2'])
  t.equal(full.body, 'short and stout')
  t.equal((await returned('bare')).body, 'bare')
  t.equal((await returned([1])).body, '[1]')
  const broken = await returned({ statusCode: 200, headers: { 'x-split': 'a\r\nb: c' } })
  t.equal(broken.status, 502)
  t.equal(broken.headers['x-weft-reason'], 'function_failed')
})

t.test('a streamed answer begins with status and headers, and goes on as it comes', async t => {
  const mesh = await startFunctionMesh(t)
  const prelude = { statusCode: 201, headers: { 'x-a': '1' }, cookies: ['c=1'] }
  const stream = { action: 'stream', chunks: ['one ', 'two'] }
  const call = (command: object) =>
    mesh.call({ method: 'POST', headers: json, body: JSON.stringify(command) })
  const withHead = await call({ ...stream, prelude })
  t.equal(withHead.status, 201)
  t.equal(withHead.headers['x-a'], '1')
  t.same(withHead.headers['set-cookie'], ['c=1'])
  t.equal(withHead.body, 'one two')
  const plain = await call(stream)
  t.equal(plain.status, 200)
  t.equal(plain.headers['content-type'], 'text/plain')
  t.equal(plain.body, 'one two')
  await t.rejects(call({ ...stream, fail: true }), 'a stream that broke off is no whole answer')
})

t.test('a dry run says that the function is there, and runs nothing', async t => {
  const mesh = await startFunctionMesh(t)
  const { status, body } = await mesh.invoke({}, { 'x-amz-invocation-type': 'DryRun' })
  t.equal(status, 204)
  t.equal(body, '')
})

t.test('an instance learns where it is by the variables of Lambda', async t => {
  const mesh = await startFunctionMesh(t, '  environment: { GREETING: hello }')
  const read = async (name: string) =>
    JSON.parse((await mesh.invoke({ action: 'environment', name })).body)
  t.equal(await read('AWS_LAMBDA_FUNCTION_NAME'), 'echo')
  t.equal(await read('GREETING'), 'hello')
  t.equal(await read('AWS_ENDPOINT_URL_LAMBDA'), `http://127.0.0.1:${mesh.host.ports.outbound}`)
  t.equal(await read('TAP'), null)
})

t.test('an instance that is killed in a burst fails what it held, and nothing else', async t => {
  const mesh = await startFunctionMesh(t, '  scale: { max: 3 }')
  const calls = Array.from({ length: 300 }, () => mesh.invoke({ action: 'sleep', ms: 5 }))
  const first = Number((await Promise.any(calls)).body)
  process.kill(first, 'SIGKILL')
  const answers = await Promise.all(calls)
  const failed = answers.filter(({ headers }) => headers['x-amz-function-error'] !== undefined)
  t.same(
    answers.filter(({ status }) => status !== 200),
    [],
  )
  t.ok(failed.length <= 1)
  for (const { body } of failed) {
    const { errorType, errorMessage } = JSON.parse(body)
    t.equal(errorType, 'Runtime.ExitError')
    t.match(errorMessage, /signal: SIGKILL$/)
  }
})

t.test(
  'an idle instance is frozen where its function wants that, and wakes for an event',
  async t => {
    const mesh = await startFunctionMesh(t, '  scale: { tier: frozen }')
    const pid = (await mesh.invoke({ action: 'pid' })).body
    await eventually(
      () => processState(pid),
      state => state === 'T',
    )
    t.equal((await mesh.invoke({ action: 'pid' })).body, pid)
    t.not(processState(pid), 'T')
  },
)

t.test('an instance that was idle for long enough is ended', async t => {
  const mesh = await startFunctionMesh(t, '  scale: { keepAlive: 100ms }')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  await ended(pid)
  t.not((await mesh.invoke({ action: 'pid' })).body, pid)
})

t.test('what a function has started ends with it', async t => {
  const mesh = await startFunctionMesh(t)
  const { pid, child } = JSON.parse((await mesh.invoke({ action: 'fork' })).body)
  t.not(processState(child), undefined)
  process.kill(pid, 'SIGKILL')
  await ended(child)
})

t.test('a changed function is in force with the next event', async t => {
  const mesh = await startFunctionMesh(t, '  environment: { GREETING: hello }')
  const greeting = async () => (await mesh.invoke({ action: 'environment', name: 'GREETING' })).body
  t.equal(await greeting(), '"hello"')
  mesh.configure('  environment: { GREETING: goodbye }')
  t.equal(await eventually(greeting, text => text !== '"hello"'), '"goodbye"')
})

t.test('more or fewer instances are no reason to end those that run', async t => {
  const mesh = await startFunctionMesh(t, '  scale: { max: 1 }')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  mesh.configure('  scale: { min: 2, max: 2 }')
  const admin = mesh.host.ports.admin
  const instances = async (): Promise<{ pid: number }[]> =>
    JSON.parse((await call(admin, { path: '/function' })).body).versions[0].instances
  const both = await eventually(instances, list => list.length === 2)
  t.ok(both.some(instance => String(instance.pid) === pid))
})

t.test('where a secret lies is in the log, and not in what callers are told', async t => {
  const mesh = await startFunctionMesh(t, '  secrets: { API_KEY: /nowhere/key }')
  const { body } = await mesh.invoke({})
  t.equal(JSON.parse(body).errorType, 'Runtime.InvalidEntrypoint')
  t.notMatch(body, /nowhere/)
  t.match((await call(mesh.host.ports.admin, { path: '/function/logs' })).body, /nowhere/)
})

t.test('a page in a browser invokes nothing', async t => {
  const mesh = await startFunctionMesh(t)
  for (const name of ['origin', 'sec-fetch-site']) {
    const { status, headers } = await mesh.invoke({}, { [name]: 'https://evil.example' })
    t.equal(status, 403)
    t.equal(headers['x-amzn-errortype'], 'AccessDeniedException')
  }
})

t.test('an answer that can have no body has none', async t => {
  const mesh = await startFunctionMesh(t)
  const body = JSON.stringify({ action: 'return', result: { statusCode: 204, body: 'x' } })
  const empty = await mesh.call({ method: 'POST', headers: json, body })
  t.equal(empty.status, 204)
  t.equal(empty.body, '')
  const head = await mesh.call({ method: 'HEAD' })
  t.equal(head.status, 200)
  t.equal(head.body, '')
  t.ok(Number(head.headers['content-length']) > 0)
})

t.test('bytes that base64 makes too many are refused', async t => {
  const mesh = await startFunctionMesh(t)
  const answer = await mesh.call({ method: 'POST', body: 'x'.repeat(5_000_000) })
  t.equal(answer.status, 413)
  t.equal(answer.headers['x-weft-reason'], 'payload_too_large')
})

t.test('a route of a Service may lead to a function', async t => {
  const route = `
---
apiVersion: v1
kind: Service
metadata: { name: pictures }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: pictures }
spec:
  parentRefs: [{ kind: Service, name: pictures }]
  rules:
    - matches: [{ path: { value: /thumbnails } }]
      backendRefs: [{ group: weft.dev, kind: Function, name: echo }]`
  const mesh = await startFunctionMesh(t, '', route)
  const { status, body } = await mesh.call({
    path: '/thumbnails/1',
    headers: { host: 'pictures' },
  })
  t.equal(status, 200)
  const { rawPath, requestContext } = JSON.parse(body)
  t.equal(rawPath, '/thumbnails/1')
  t.equal(requestContext.domainName, 'pictures')
})

t.test('a caller in another namespace names the function’s', async t => {
  const mesh = await startFunctionMesh(t)
  const { status } = await mesh.call({ headers: { host: 'echo.default.fn.mesh' } })
  t.equal(status, 200)
})

/** `T`: stopped. Undefined: there is no such process, or it is a zombie. */
function processState(pid: number | string): string | undefined {
  try {
    const state = /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
    return state === 'Z' ? undefined : state
  } catch {
    return undefined
  }
}

async function ended(pid: number | string): Promise<void> {
  await eventually(
    () => processState(pid),
    state => state === undefined,
  )
}
