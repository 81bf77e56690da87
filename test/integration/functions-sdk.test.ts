import {
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  LogType,
} from '@aws-sdk/client-lambda'
import t, { type Test } from 'tap'
import { startFunctionMesh, type FunctionMesh } from '../support/functions/mesh.ts'

/** As an application has it: nothing says where the functions are but the variable. */
function createClient(t: Test, { caller }: FunctionMesh): LambdaClient {
  const variables = {
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${caller.ports.outbound}`,
    AWS_REGION: 'local',
    AWS_ACCESS_KEY_ID: 'any',
    AWS_SECRET_ACCESS_KEY: 'any',
  }
  t.teardown(restore(Object.keys(variables)))
  Object.assign(process.env, variables)
  const client = new LambdaClient({ maxAttempts: 1 })
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
