import type { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { AwsCredentialChain } from '../../../../src/functions/cloud/aws-credentials.ts'
import {
  AwsLambdaBackend,
  type AwsLambdaOptions,
} from '../../../../src/functions/cloud/aws-lambda.ts'
import { BackendError, type BackendResult } from '../../../../src/functions/cloud/backend.ts'
import { createFault } from '../../../../src/functions/fault.ts'
import {
  completionFrame,
  eventStreamType,
  payloadFrame,
} from '../../../../src/functions/payload/event-stream.ts'
import { maxPayloadBytes, maxStreamedBytes } from '../../../../src/model/function/function.ts'
import {
  cloudClient,
  deadUrl,
  fakeCloud,
  invokeCall,
  signatureHolds,
  type Asked,
  type Behaviour,
} from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const region = 'eu-central-1'
const key = { accessKeyId: 'AKID', secretAccessKey: 'secret' }
const environment = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' }
const wallNow = (): number => Date.UTC(2026, 10, 27)

function backendOf(t: Test, endpoint: string, overrides: Partial<AwsLambdaOptions> = {}) {
  const client = cloudClient(t)
  return new AwsLambdaBackend({
    name: 'cloud',
    region,
    functionName: 'hello',
    endpoint,
    responseMode: 'buffered',
    timeoutMs: 5000,
    retryWaits: { baseMs: 2, maxMs: 2 },
    credentials: new AwsCredentialChain(region, { client, environment, wallNow }),
    client,
    now: () => 0,
    wallNow,
    random: () => 0,
    ...overrides,
  })
}

async function setUp(
  t: Test,
  answer: (asked: Asked, number: number) => Behaviour,
  overrides: Partial<AwsLambdaOptions> = {},
) {
  const cloud = await fakeCloud(t, answer)
  return { cloud, backend: backendOf(t, cloud.url, overrides) }
}

function textOf(result: BackendResult): string | undefined {
  return result.kind === 'result' && Buffer.isBuffer(result.body) ? String(result.body) : undefined
}

async function gather(result: BackendResult): Promise<string> {
  if (result.kind === 'backend-failure') throw new BackendError(result.code, result.message)
  if (result.kind !== 'result' || Buffer.isBuffer(result.body)) throw new Error(result.kind)
  const chunks: Buffer[] = []
  for await (const chunk of result.body as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('the event goes to the function, signed so that AWS would take it', async t => {
  const { cloud, backend } = await setUp(t, () => ({ body: '"hi"' }))
  const result = await backend.invoke(invokeCall({ traceId: 'Root=1-a' }), never)
  t.match(result, {
    kind: 'result',
    form: 'function',
    status: 200,
    contentType: 'application/json',
  })
  t.equal(textOf(result), '"hi"')
  const [asked] = cloud.asked
  t.match(asked, {
    method: 'POST',
    url: '/2015-03-31/functions/hello/invocations',
    headers: { 'x-amz-invocation-type': 'RequestResponse', 'x-amzn-trace-id': 'Root=1-a' },
  })
  t.equal(String(asked?.body), '{"n":1}')
  t.ok(asked !== undefined && (await signatureHolds(asked, key, region)))
  t.notOk(
    asked !== undefined &&
      (await signatureHolds({ ...asked, body: Buffer.from('x') }, key, region)),
  )
})

t.test('an ARN and an alias are part of the path and of the signature', async t => {
  const functionName = 'arn:aws:lambda:eu-central-1:1:function:hello'
  const { cloud, backend } = await setUp(t, () => ({ body: '1' }), {
    functionName,
    qualifier: 'a b',
  })
  t.equal(textOf(await backend.invoke(invokeCall(), never)), '1')
  const [asked] = cloud.asked
  t.match(asked?.url, 'functions/arn%3Aaws%3Alambda%3Aeu-central-1%3A1%3Afunction%3Ahello/')
  t.match(asked?.url, '?Qualifier=a%20b')
  const decoded = { ...asked, url: asked?.url ?? '' } as Asked
  t.ok(await signatureHolds(decoded, key, region))
})

t.test('a function that fails is no failure of the backend', async t => {
  const document = '{"errorType":"KeyError","errorMessage":"no"}'
  const headers = { 'x-amz-function-error': 'Unhandled' }
  const { cloud, backend } = await setUp(t, () => ({ headers, body: document }))
  const result = await backend.invoke(invokeCall({ idempotent: true }), never)
  t.match(result, {
    kind: 'function-error',
    errorType: 'KeyError',
    document: Buffer.from(document),
  })
  t.equal(cloud.asked.length, 1)
})

t.test('what was throttled did not run, and is tried again', async t => {
  const { cloud, backend } = await setUp(t, (_asked, number) =>
    number < 3 ? { status: 429, body: '{"message":"Rate Exceeded."}' } : { body: '1' },
  )
  t.equal(textOf(await backend.invoke(invokeCall(), never)), '1')
  t.equal(cloud.asked.length, 3)
  const dates = cloud.asked.map(({ headers }) => headers['authorization'])
  t.ok(dates.every(value => value !== undefined))
})

t.test('it is given up after three tries, and when the deadline comes before the next', async t => {
  const { cloud, backend } = await setUp(t, () => ({ status: 429 }))
  t.match(await backend.invoke(invokeCall(), never), {
    kind: 'backend-failure',
    code: 'throttled',
    retryable: true,
  })
  t.equal(cloud.asked.length, 3)
  const headers = { 'retry-after': '60' }
  const slow = await setUp(t, () => ({ status: 429, headers }), { timeoutMs: 900_000 })
  await slow.backend.invoke(invokeCall({ deadlineAt: 59_000 }), never)
  t.equal(slow.cloud.asked.length, 1)
  const short = await setUp(t, () => ({ status: 429, headers }), { timeoutMs: 59_000 })
  await short.backend.invoke(invokeCall(), never)
  t.equal(short.cloud.asked.length, 1)
})

t.test('what may have run is tried again only where it may run twice', async t => {
  for (const behaviour of [{ status: 500 }, { status: 502 }, 'reset', 'cut'] as const) {
    const { cloud, backend } = await setUp(t, () => behaviour)
    const once = await backend.invoke(invokeCall(), never)
    t.match(once, { kind: 'backend-failure', retryable: false })
    t.equal(cloud.asked.length, 1)
    const often = await backend.invoke(invokeCall({ idempotent: true }), never)
    t.match(often, { kind: 'backend-failure', retryable: true })
    t.equal(cloud.asked.length, 4)
  }
})

t.test('who can not be reached is tried again', async t => {
  const backend = backendOf(t, await deadUrl())
  t.match(await backend.invoke(invokeCall(), never), { code: 'connect_failed', retryable: true })
})

t.test('what AWS refuses is told by its name, and may be tried elsewhere', async t => {
  const cases = [
    [403, 'AccessDeniedException', 'denied'],
    [404, 'ResourceNotFoundException', 'not_found'],
    [413, 'RequestTooLargeException', 'request_too_large'],
    [400, 'InvalidRequestContentException', 'bad_request'],
  ] as const
  for (const [status, type, code] of cases) {
    const headers = { 'x-amzn-errortype': `${type}:http://internal.amazon.com/` }
    const { cloud, backend } = await setUp(t, () => ({ status, headers }))
    const result = await backend.invoke(invokeCall(), never)
    t.match(result, { code, retryable: true, message: `answered ${status} ${type}` })
    t.equal(cloud.asked.length, 1)
  }
})

t.test('an event over the limit does not leave', async t => {
  const { cloud, backend } = await setUp(t, () => ({}))
  const payload = Buffer.alloc(maxPayloadBytes + 1)
  t.match(await backend.invoke(invokeCall({ payload }), never), { code: 'request_too_large' })
  t.equal(cloud.asked.length, 0)
})

t.test('an answer over the limit is none', async t => {
  const { backend } = await setUp(t, () => ({ body: Buffer.alloc(maxPayloadBytes + 1) }))
  const result = await backend.invoke(invokeCall({ idempotent: true }), never)
  t.match(result, { code: 'answer_too_large', retryable: false })
})

t.test('the deadline, and the caller, end a call that nobody answers', async t => {
  const { backend } = await setUp(t, () => 'silence')
  t.match(await backend.invoke(invokeCall({ deadlineAt: 30 }), never), { code: 'timeout' })
  const caller = new AbortController()
  const waiting = backend.invoke(invokeCall(), caller.signal)
  setImmediate(() => caller.abort())
  t.match(await waiting, { code: 'aborted', retryable: false })
})

t.test('without credentials nothing is sent', async t => {
  const cloud = await fakeCloud(t, () => ({}))
  const client = cloudClient(t)
  const nothing = { AWS_EC2_METADATA_DISABLED: 'true' }
  const credentials = new AwsCredentialChain(region, { client, environment: nothing, wallNow })
  const backend = backendOf(t, cloud.url, { credentials })
  t.match(await backend.invoke(invokeCall(), never), { code: 'credentials', retryable: true })
  t.equal(cloud.asked.length, 0)
})

// Streams

const streamed = { responseMode: 'streaming', streamContentType: 'text/plain' } as const
const headers = { 'content-type': eventStreamType }
const chunk = (text: string): Buffer => payloadFrame(Buffer.from(text))
const done = completionFrame(undefined)
const failed = completionFrame(createFault('handler', 'KeyError', 'no'))

t.test('what is streamed comes as a stream', async t => {
  const body = Buffer.concat([chunk('one '), chunk(''), chunk('two'), done])
  const { cloud, backend } = await setUp(t, () => ({ headers, body }), streamed)
  const result = await backend.invoke(invokeCall(), never)
  t.match(result, { kind: 'result', contentType: 'text/plain' })
  t.equal(await gather(result), 'one two')
  t.match(cloud.asked[0]?.url, '/2021-11-15/functions/hello/response-streaming-invocations')
})

t.test('a stream of nothing is an empty one', async t => {
  const { backend } = await setUp(t, () => ({ headers, body: done }), streamed)
  t.equal(await gather(await backend.invoke(invokeCall(), never)), '')
})

t.test('a function that fails before it streams has failed as any other', async t => {
  const { backend } = await setUp(t, () => ({ headers, body: failed }), streamed)
  const result = await backend.invoke(invokeCall(), never)
  t.match(result, { kind: 'function-error', errorType: 'KeyError' })
  t.match(result.kind === 'function-error' && String(result.document), '"errorMessage":"no"')
})

t.test('a stream that does not end as it has to breaks off', async t => {
  const flipped = Buffer.from(done)
  flipped[20] = (flipped[20] ?? 0) ^ 1
  const ends = [
    [failed, { code: 'function_failed', message: 'KeyError' }],
    [Buffer.alloc(0), { code: 'reset' }],
    [done.subarray(0, 10), { code: 'protocol' }],
    [flipped, { code: 'protocol' }],
  ] as const
  for (const [end, error] of ends) {
    const body = Buffer.concat([chunk('one'), end])
    const { backend } = await setUp(t, () => ({ headers, body }), streamed)
    const result = await backend.invoke(invokeCall(), never)
    await t.rejects(gather(result), error)
  }
})

t.test('a stream has a bound too', async t => {
  const part = payloadFrame(Buffer.alloc(1024 * 1024))
  const parts = Array.from({ length: maxStreamedBytes / (1024 * 1024) + 1 }, () => part)
  const { backend } = await setUp(t, () => ({ headers, body: Buffer.concat(parts) }), streamed)
  const result = await backend.invoke(invokeCall(), never)
  await t.rejects(gather(result), { code: 'answer_too_large' })
})

t.test('after a stream its connection serves the next', async t => {
  const body = Buffer.concat([chunk('one'), done])
  const { cloud, backend } = await setUp(t, () => ({ headers, body }), streamed)
  for (let number = 0; number < 5; number++) {
    await gather(await backend.invoke(invokeCall(), never))
    // The pool has to hear of the end before the next.
    await new Promise(setImmediate)
  }
  t.equal(cloud.connections(), 1)
})

t.test('who no longer wants a stream ends the request', async t => {
  const endless = { headers: { ...headers, 'content-length': '1000' }, body: chunk('one') }
  const { cloud, backend } = await setUp(t, () => endless, streamed)
  const result = await backend.invoke(invokeCall(), never)
  const body = result.kind === 'result' ? (result.body as Readable) : undefined
  body?.resume().on('error', () => {})
  const gone = cloud.connectionLost()
  setImmediate(() => body?.destroy())
  const clock = performance.now()
  await gone
  t.ok(performance.now() - clock < 2000, 'before its deadline')
})
