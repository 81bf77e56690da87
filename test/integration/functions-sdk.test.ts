import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  LogType,
} from '@aws-sdk/client-lambda'
import t, { type Test } from 'tap'
import { Gate } from '../support/functions/gate.ts'
import { startBadMesh } from '../support/functions/node-runtime.ts'
import { startFunctionMesh, type FunctionMesh } from '../support/functions/mesh.ts'
import { eventually } from '../support/mesh.ts'

/** As an application has it: nothing says where the functions are but the variable. */
function createClient(t: Test, { caller }: FunctionMesh, maxAttempts = 1): LambdaClient {
  const variables = {
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${caller.ports.outbound}`,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
  }
  t.teardown(restore(Object.keys(variables)))
  Object.assign(process.env, variables)
  const client = new LambdaClient({ maxAttempts })
  t.teardown(() => client.destroy())
  return client
}

function restore(names: readonly string[]): () => void {
  const before = names.map(name => [name, process.env[name]] as const)
  return () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
}

t.test('the SDK for JavaScript invokes functions of the mesh as they are', async t => {
  const mesh = await startFunctionMesh(t)
  const client = createClient(t, mesh)

  const answer = await client.send(
    new InvokeCommand({ FunctionName: 'echo', Payload: '{"a":1}', LogType: LogType.Tail }),
  )
  t.equal(answer.StatusCode, 200)
  t.equal(answer.Payload?.transformToString(), '{"a":1}')
  t.equal(answer.ExecutedVersion, '$LATEST')
  t.match(Buffer.from(answer.LogResult ?? '', 'base64').toString(), /^START RequestId/)

  const arn = 'arn:aws:lambda:local:000000000000:function:echo:$LATEST'
  for (const FunctionName of [arn, '000000000000:function:echo', 'echo:$LATEST']) {
    const { Payload } = await client.send(new InvokeCommand({ FunctionName, Payload: '[1]' }))
    t.equal(Payload?.transformToString(), '[1]')
  }
  const empty = await client.send(new InvokeCommand({ FunctionName: arn }))
  t.equal(empty.Payload?.transformToString(), '{}')

  const failed = await client.send(
    new InvokeCommand({ FunctionName: 'echo', Payload: '{"action":"throw","message":"no"}' }),
  )
  t.equal(failed.FunctionError, 'Unhandled')

  const dry = await client.send(
    new InvokeCommand({ FunctionName: 'echo', InvocationType: 'DryRun' }),
  )
  t.equal(dry.StatusCode, 204)
})

t.test('what is refused becomes the exception of the SDK that it is with AWS', async t => {
  const mesh = await startFunctionMesh(t)
  const client = createClient(t, mesh)
  const invoke = (FunctionName: string, Payload: string) =>
    client.send(new InvokeCommand({ FunctionName, Payload }))
  await t.rejects(invoke('nobody', '{}'), { name: 'ResourceNotFoundException' })
  await t.rejects(invoke('echo:v7', '{}'), { name: 'ResourceNotFoundException' })
  await t.rejects(invoke('echo', '{'), { name: 'InvalidRequestContentException' })
  const tooLarge = JSON.stringify('x'.repeat(6_291_556))
  await t.rejects(invoke('echo', tooLarge), { name: 'RequestTooLargeException' })
})

t.test('whoever is turned away comes again when it was told to', async t => {
  const mesh = await startBadMesh(t, '  timeout: 30s\n  scale: { max: 1 }')
  const gate = await Gate.open(t)
  const working = mesh.invoke({ action: 'wait', port: gate.port })
  await gate.waiting(1)
  // As many bytes as may wait.
  const large = JSON.stringify('x'.repeat(6_200_000))
  const waiting = Array.from({ length: 11 }, () => mesh.invoke(large))
  const refused = await Promise.any(waiting)
  t.equal(refused.status, 429)
  t.equal(refused.headers['x-amzn-errortype'], 'TooManyRequestsException')
  t.equal(refused.headers['retry-after'], '1')
  const once = createClient(t, mesh, 1)
  const command = () => new InvokeCommand({ FunctionName: 'echo', Payload: large })
  await t.rejects(once.send(command()), { name: 'TooManyRequestsException' })
  const { accessLog } = mesh.caller
  const turnedAway = () => accessLog.filter(line => line.includes('"status":429')).length
  t.equal(turnedAway(), 2)
  const startedAt = process.hrtime.bigint()
  const again = createClient(t, mesh, 2).send(command())
  await eventually(turnedAway, count => count === 3)
  gate.openAll()
  t.equal((await again).StatusCode, 200)
  t.ok(process.hrtime.bigint() - startedAt >= 1_000_000_000n)
  await Promise.all([working, ...waiting])
})

t.test('the client context reaches the function', async t => {
  const mesh = await startFunctionMesh(t)
  const client = createClient(t, mesh)
  const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString('base64')
  const { Payload } = await client.send(
    new InvokeCommand({ FunctionName: 'echo', Payload: '{"action":"context"}', ClientContext }),
  )
  const headers = JSON.parse(Payload?.transformToString() ?? '{}')
  t.equal(headers['lambda-runtime-client-context'], '{"custom":{"a":"b"}}')
  t.equal(
    headers['lambda-runtime-invoked-function-arn'],
    'arn:aws:lambda:local:000000000000:function:echo',
  )
})

t.test('a response stream comes in the SDK’s events, and says how it has ended', async t => {
  const mesh = await startFunctionMesh(t)
  const client = createClient(t, mesh)
  const stream = async (event: object) => {
    const { EventStream } = await client.send(
      new InvokeWithResponseStreamCommand({ FunctionName: 'echo', Payload: JSON.stringify(event) }),
    )
    let text = ''
    let error: string | undefined
    for await (const part of EventStream ?? []) {
      text += Buffer.from(part.PayloadChunk?.Payload ?? []).toString()
      error = part.InvokeComplete?.ErrorCode
    }
    return { text, error }
  }
  const chunks = ['one ', 'two ', 'three']
  t.same(await stream({ action: 'stream', chunks }), { text: 'one two three', error: undefined })
  const broken = await stream({ action: 'stream', chunks, fail: true })
  t.same(broken, { text: 'one two three', error: 'Function.StreamBroke' })
  t.same(await stream({ a: 1 }), { text: '{"a":1}', error: undefined })
  t.match(await stream({ action: 'throw', message: 'no' }), { text: '', error: 'Error' })
})
