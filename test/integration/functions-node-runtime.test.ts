// AWS's own runtime client for Node, unmodified.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  InvokeWithResponseStreamCommand,
  LambdaClient,
  type InvokeWithResponseStreamResponseEvent,
} from '@aws-sdk/client-lambda'
import t, { type Test } from 'tap'
import { faultOf } from '../support/functions/fault.ts'
import { nodeRuntimeObstacle, startNodeMesh } from '../support/functions/node-runtime.ts'
import type { FunctionMesh } from '../support/functions/mesh.ts'

const obstacle = nodeRuntimeObstacle()
const options = obstacle === undefined ? {} : { skip: obstacle }
const arn = 'arn:aws:lambda:local:000000000000:function:echo'

t.test('the handler’s context is what the caller and the configuration say', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act', '  memory: 256Mi')
  const custom = { custom: { who: 'Zoë' }, client: { installation_id: 'a\nb' } }
  const answer = await mesh.invoke(
    { action: 'identify' },
    {
      // Over several lines, as tools print it.
      'x-amz-client-context': Buffer.from(JSON.stringify(custom, undefined, 2)).toString('base64'),
      'x-amzn-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
    },
  )
  const { remaining, ...context } = JSON.parse(answer.body)
  t.same(context, {
    request: answer.headers['x-amzn-requestid'],
    arn,
    name: 'echo',
    version: '$LATEST',
    memory: '256',
    client: custom,
    trace: 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1',
  })
  t.ok(remaining > 0 && remaining <= 3000, `${remaining} ms are left`)
})

t.test('what a handler throws or rejects with is told as with AWS', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  const thrown = faultOf(await mesh.invoke({ action: 'throw', message: 'no "apples"\n' }))
  t.equal(thrown.errorType, 'TypeError')
  t.equal(thrown.errorMessage, 'no "apples"\n')
  t.match(thrown.trace?.[0], /^TypeError: no "apples"/)
  const rejected = faultOf(await mesh.invoke({ action: 'reject', value: 'a word' }))
  t.equal(rejected.errorMessage, 'a word')
  const circular = faultOf(await mesh.invoke({ action: 'circular' }))
  t.match(circular.errorMessage, /Unable to stringify/)
  t.equal((await mesh.invoke({ action: 'nothing' })).body, 'null')
  t.equal((await mesh.invoke({ action: 'pid' })).body, pid, 'the process lives on')
})

t.test('a process that ends is replaced, whatever has ended it', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act')
  const end = async (event: object) => faultOf(await mesh.invoke(event))
  const none = await end({ action: 'exit', code: 0 })
  t.equal(none.errorType, 'Runtime.ExitError')
  t.match(none.errorMessage, /Error: Runtime exited without providing a reason$/)
  const code = await end({ action: 'exit', code: 42 })
  t.match(code.errorMessage, /Error: Runtime exited with error: exit status 42$/)
  // Its runtime reports this one before it exits.
  t.match(await end({ action: 'later' }), { errorMessage: /./ })
  t.equal((await mesh.invoke({ action: 'print', lines: [] })).body, '0')
})

t.test('a start that fails says why', options, async t => {
  const errorOf = async (handler: string, code?: string) => {
    const mesh = await startNodeMesh(t, handler, '', code)
    return faultOf(await mesh.invoke({}))
  }
  t.match(await errorOf('handlers.nobody'), {
    errorType: 'Runtime.HandlerNotFound',
    errorMessage: 'handlers.nobody is undefined or not exported',
  })
  t.match(await errorOf('nowhere.handler'), { errorType: 'Runtime.ImportModuleError' })
  t.match(await errorOf('broken.handler', brokenCode(t)), {
    errorType: 'Runtime.UserCodeSyntaxError',
  })
  t.match(await errorOf('throws-at-load.handler'), {
    errorType: 'Error',
    errorMessage: 'no database at the start',
  })
})

t.test('lines of the console are in the log that the caller asks for', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act')
  for (let round = 0; round < 5; round++) {
    const lines = [`${round}`, 'naïve', 'two\nlines']
    const { headers } = await mesh.invoke({ action: 'print', lines }, { 'x-amz-log-type': 'Tail' })
    const log = Buffer.from(String(headers['x-amz-log-result']), 'base64').toString()
    // Its runtime makes one line of several by carriage returns.
    t.match(log, new RegExp(`^START [^]*\tINFO\t${round}\n[^]*\tnaïve\n[^]*\ttwo\rlines\nEND`))
  }
})

t.test('events and results may be as large as with AWS, and no larger', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act', '  timeout: 10s')
  const pid = (await mesh.invoke({ action: 'pid' })).body
  const text = 'x'.repeat(6_291_000)
  t.equal((await mesh.invoke({ action: 'size', text })).body, '6291000')
  const most = await mesh.invoke({ action: 'large', bytes: 6_291_554 })
  t.equal(most.body.length, 6_291_556)
  const over = faultOf(await mesh.invoke({ action: 'large', bytes: 6_291_555 }))
  t.equal(over.errorType, 'Function.ResponseSizeTooLarge')
  t.equal((await mesh.invoke({ action: 'pid' })).body, pid, 'the runtime goes on after the refusal')
})

t.test('one process works on several events at once', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.act', '  concurrency: 8\n  scale: { max: 1 }')
  await mesh.invoke({ action: 'pid' })
  const calls = Array.from({ length: 8 }, () => mesh.invoke({ action: 'sleep', ms: 300 }))
  const start = process.hrtime.bigint()
  const pids = new Set((await Promise.all(calls)).map(({ body }) => body))
  const tookMs = Number(process.hrtime.bigint() - start) / 1e6
  t.equal(pids.size, 1)
  t.ok(tookMs < 1500, `all eight together took ${tookMs} ms`)
})

t.test('a streamed answer comes by HTTP with its own head', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.stream')
  const whole = await mesh.call({ path: '/?status=418' })
  t.equal(whole.status, 418)
  t.equal(whole.headers['x-streamed'], 'yes')
  t.same(whole.headers['set-cookie'], ['a=1', 'b=2'])
  t.equal(whole.body, 'one two')
  const typed = await mesh.call({ path: '/?type=text/html' })
  t.equal(typed.status, 200)
  t.equal(typed.headers['content-type'], 'text/html')
  t.equal(typed.body, 'one two')
  const early = await mesh.call({ path: '/?throws=early' })
  t.equal(early.status, 502)
  await t.rejects(mesh.call({ path: '/?status=200&throws=late' }), 'a broken stream is none')
  t.equal((await mesh.call({ path: '/?status=201' })).status, 201)
})

t.test('a streamed answer to who has not asked for one comes in one piece', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.stream')
  const { status, body } = await mesh.invoke({})
  t.equal(status, 200)
  t.equal(body, 'one two')
  const early = faultOf(await mesh.invoke({ throws: 'early' }))
  t.match(early, { errorType: 'RangeError', errorMessage: 'before a byte' })
  await t.rejects(mesh.invoke({ throws: 'late' }))
})

t.test('a streamed answer comes to the SDK in events', options, async t => {
  const mesh = await startNodeMesh(t, 'handlers.stream')
  t.same(await streamed(t, mesh, {}), { text: 'one two', complete: {} })
  const late = await streamed(t, mesh, { throws: 'late' })
  t.equal(late.text, 'one ')
  t.equal(late.complete?.ErrorCode, 'RangeError')
  t.match(JSON.parse(late.complete?.ErrorDetails ?? ''), { errorMessage: 'after some bytes' })
  const early = await streamed(t, mesh, { throws: 'early' })
  t.equal(early.text, '')
  t.equal(early.complete?.ErrorCode, 'RangeError')
})

/** Linters take no such file for one of the repository. */
function brokenCode(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weft-broken-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'broken.mjs'), 'export const handler = async () => { return')
  return folder
}

type Completion = InvokeWithResponseStreamResponseEvent['InvokeComplete']

async function streamed(
  t: Test,
  { caller }: FunctionMesh,
  event: object,
): Promise<{ readonly text: string; readonly complete: Completion }> {
  const client = new LambdaClient({
    endpoint: `http://127.0.0.1:${caller.ports.outbound}`,
    region: 'local',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  })
  t.teardown(() => client.destroy())
  const { EventStream } = await client.send(
    new InvokeWithResponseStreamCommand({ FunctionName: arn, Payload: JSON.stringify(event) }),
  )
  let text = ''
  let complete: Completion
  for await (const part of EventStream ?? []) {
    text += Buffer.from(part.PayloadChunk?.Payload ?? []).toString()
    complete = part.InvokeComplete
  }
  return { text, complete }
}
