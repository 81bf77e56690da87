import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import type {
  BackendCall,
  BackendResult,
  HttpParts,
} from '../../../../../src/functions/cloud/backend.ts'
import {
  HttpTarget,
  noAuthentication,
  type Authentication,
  type HttpTargetOptions,
} from '../../../../../src/functions/cloud/transport/http-call.ts'
import { maxPayloadBytes, maxStreamedBytes } from '../../../../../src/model/function/function.ts'
import {
  cloudClient,
  fakeCloud,
  invokeCall,
  type Behaviour,
} from '../../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal

async function setUp(
  t: Test,
  answer: Behaviour,
  {
    authentication = noAuthentication,
    path = '',
    ...overrides
  }: Partial<HttpTargetOptions> & {
    readonly authentication?: Authentication
    readonly path?: string
  } = {},
) {
  const cloud = await fakeCloud(t, () => answer)
  const options: HttpTargetOptions = {
    url: `${cloud.url}${path}`,
    allowPlainHttp: false,
    responseMode: 'buffered',
    timeoutMs: 5000,
    client: cloudClient(t),
    now: () => 0,
    ...overrides,
  }
  return { cloud, target: new HttpTarget(options, authentication) }
}

function httpCall(
  http: Partial<HttpParts> = {},
  overrides: Partial<BackendCall> = {},
): BackendCall {
  return invokeCall({
    payloadFormat: 'http',
    http: { method: 'GET', path: '/', query: '', headers: [], body: Buffer.alloc(0), ...http },
    ...overrides,
  })
}

function textOf(result: BackendResult): string | undefined {
  return result.kind === 'result' && Buffer.isBuffer(result.body) ? String(result.body) : undefined
}

async function drained(result: BackendResult): Promise<void> {
  if (result.kind !== 'result' || Buffer.isBuffer(result.body)) throw new Error('no stream')
  for await (const _chunk of result.body as AsyncIterable<Buffer>);
}

t.test('a request goes on as it came, below the path of the function', async t => {
  const { cloud, target } = await setUp(t, { body: 'hi' }, { path: '/api/hello/' })
  const http = { method: 'PUT', path: '/a%2Fb', query: 'x=1&x=2', body: Buffer.from('body') }
  const headers = [
    ['x-one', '1'],
    ['content-type', 'text/plain'],
  ] as const
  const result = await target.invoke(httpCall({ ...http, headers }, { traceId: 'Root=1' }), never)
  t.match(result, { kind: 'result', form: 'http', status: 200 })
  t.equal(textOf(result), 'hi')
  t.match(cloud.asked[0], {
    method: 'PUT',
    url: '/api/hello/a%2Fb?x=1&x=2',
    headers: {
      'x-one': '1',
      'content-type': 'text/plain',
      'x-request-id': 'request-1',
      'x-amzn-trace-id': 'Root=1',
    },
  })
  t.equal(String(cloud.asked[0]?.body), 'body')
})

t.test('an event is posted, and its answer is what the function returns', async t => {
  const headers = { 'content-type': 'application/json' }
  const { cloud, target } = await setUp(t, { headers, body: '{"a":1}' }, { path: '/api' })
  const result = await target.invoke(invokeCall(), never)
  t.match(result, { kind: 'result', form: 'function', contentType: 'application/json' })
  t.equal(textOf(result), '{"a":1}')
  t.match(cloud.asked[0], { method: 'POST', url: '/api', headers })
  t.equal(String(cloud.asked[0]?.body), '{"n":1}')
})

t.test('an event that is answered with an error has failed in the function', async t => {
  for (const status of [400, 404, 500]) {
    const { target } = await setUp(t, { status, body: '<html>' })
    const result = await target.invoke(invokeCall(), never)
    t.match(result, { kind: 'function-error', errorType: `Http.${status}` })
  }
})

t.test('headers of a connection stay on it, both ways', async t => {
  const answer = { headers: { 'x-hop': '1', connection: 'x-hop', 'x-keep': '2' }, body: '' }
  const { cloud, target } = await setUp(t, answer)
  const headers = [
    ['connection', 'close, X-Private'],
    ['x-private', '1'],
    ['te', 'trailers'],
    ['upgrade', 'websocket'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '7'],
    ['expect', '100-continue'],
    ['host', 'evil.example'],
    ['x-request-id', 'forged'],
    ['x-ok', '1'],
  ] as const
  const result = await target.invoke(httpCall({ headers }), never)
  const { headers: seen = {} } = cloud.asked[0] ?? {}
  t.match(seen, { 'x-ok': '1', host: cloud.host, 'x-request-id': 'request-1' })
  for (const name of ['x-private', 'te', 'upgrade', 'transfer-encoding', 'expect'])
    t.notOk(name in seen, name)
  const names = result.kind === 'result' ? result.headers.map(([name]) => name) : []
  t.ok(names.includes('x-keep'))
  t.notOk(names.includes('x-hop') || names.includes('connection'))
})

t.test('no path leads out of the function', async t => {
  const { cloud, target } = await setUp(t, {}, { path: '/api/hello' })
  for (const path of [
    '/../admin',
    '/a/%2e%2E/b',
    '/..%2fadmin',
    '/..\\admin',
    '/a/..',
    'x',
    '/.%2e',
  ])
    t.match(await target.invoke(httpCall({ path }), never), { code: 'bad_request' }, path)
  t.equal(cloud.asked.length, 0)
  for (const path of ['/...', '/a..b', '/..a'])
    t.match(await target.invoke(httpCall({ path }), never), { kind: 'result' }, path)
})

t.test('only what stands before the function counts as a failure of the backend', async t => {
  const cases = [
    [200, 'result', undefined],
    [404, 'result', undefined],
    [500, 'result', undefined],
    [401, 'result', undefined],
    [429, 'throttled', true],
    [502, 'server_error', false],
    [503, 'server_error', false],
    [504, 'server_error', false],
  ] as const
  for (const [status, meaning, retryable] of cases) {
    const { cloud, target } = await setUp(t, { status, headers: { 'www-authenticate': 'Basic' } })
    const result = await target.invoke(httpCall(), never)
    if (retryable === undefined) t.match(result, { kind: meaning, status })
    else t.match(result, { kind: 'backend-failure', code: meaning, retryable })
    t.equal(cloud.asked.length, 1)
  }
})

t.test('refused credentials are told apart from what the function refuses', async t => {
  let denied = 0
  const authentication: Authentication = {
    headers: async () => [['authorization', 'Bearer ours']],
    reserved: new Set(['authorization']),
    onDenied: () => denied++,
  }
  const challenge = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }
  const first = await setUp(t, challenge, { authentication })
  const headers = [['authorization', 'Basic theirs']] as const
  const result = await first.target.invoke(httpCall({ headers }), never)
  t.match(result, { code: 'denied', retryable: true })
  t.equal(denied, 1)
  t.equal(first.cloud.asked[0]?.headers.authorization, 'Bearer ours')
  const second = await setUp(t, { status: 403, body: 'no' }, { authentication })
  t.match(await second.target.invoke(httpCall(), never), { kind: 'result', status: 403 })
  t.equal(denied, 1)
})

t.test('answers are bounded, streamed or not', async t => {
  const large = await setUp(t, { body: Buffer.alloc(maxPayloadBytes + 1) })
  t.match(await large.target.invoke(httpCall(), never), { code: 'answer_too_large' })
  const body = Buffer.alloc(maxStreamedBytes + 1)
  const { target } = await setUp(t, { body }, { responseMode: 'streaming' })
  const result = await target.invoke(httpCall(), never)
  await t.rejects(drained(result), { code: 'answer_too_large' })
})

t.test('a server that resets, cuts off or keeps silent is a failure', async t => {
  const cases = [
    ['reset', 'reset'],
    ['cut', 'reset'],
    ['silence', 'timeout'],
  ] as const
  for (const [behaviour, code] of cases) {
    const { target } = await setUp(t, behaviour, {
      timeoutMs: behaviour === 'silence' ? 100 : 30_000,
    })
    t.match(await target.invoke(httpCall(), never), { code, retryable: false })
  }
})

t.test('after a stream its connection serves the next', async t => {
  const { cloud, target } = await setUp(t, { body: 'x' }, { responseMode: 'streaming' })
  for (let number = 0; number < 5; number++) {
    await drained(await target.invoke(httpCall(), never))
    // The pool has to hear of the end before the next.
    await new Promise(setImmediate)
  }
  t.equal(cloud.connections(), 1)
})

t.test('who no longer wants a stream ends the request', async t => {
  const endless = { headers: { 'content-length': '1000' }, body: 'begin' }
  const { cloud, target } = await setUp(t, endless, { responseMode: 'streaming' })
  const result = await target.invoke(httpCall(), never)
  const body = result.kind === 'result' ? (result.body as Readable) : undefined
  body?.resume()
  const gone = cloud.connectionLost()
  setImmediate(() => body?.destroy())
  const clock = performance.now()
  await gone
  t.ok(performance.now() - clock < 2000, 'before its deadline')
})

t.test('a stream that is cut off, or comes too late, ends with an error', async t => {
  const { target } = await setUp(t, 'cut', { responseMode: 'streaming' })
  const result = await target.invoke(httpCall(), never)
  await t.rejects(drained(result), { name: 'BackendError' })
})
