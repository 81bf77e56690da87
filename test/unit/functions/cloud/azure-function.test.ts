import { join } from 'node:path'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { AzureFunctionBackend } from '../../../../src/functions/cloud/azure-function.ts'
import {
  cloudClient,
  fakeCloud,
  invokeCall,
  type Behaviour,
} from '../../../support/functions/fake-clouds.ts'
import { mockTime } from '../../../support/mock-time.ts'

const never = new AbortController().signal

async function setUp(t: Test, answer: Behaviour, keyFile: string | undefined) {
  const cloud = await fakeCloud(t, () => answer)
  const backend = new AzureFunctionBackend({
    name: 'azure',
    region: 'westeurope',
    url: `${cloud.url}/api/hello`,
    allowPlainHttp: false,
    responseMode: 'buffered',
    timeoutMs: 900_000,
    client: cloudClient(t),
    now: () => 0,
    wallNow: () => 0,
    keyFile,
  })
  return { cloud, backend }
}

t.test('the key goes into a header and never into the URL', async t => {
  const keyFile = join(t.testdir({ key: 'the-key==\n' }), 'key')
  const { cloud, backend } = await setUp(t, { body: 'hi' }, keyFile)
  const headers = [['x-functions-key', 'theirs']] as const
  const http = { method: 'GET', path: '/', query: 'a=1', headers, body: Buffer.alloc(0) }
  t.match(await backend.invoke(invokeCall({ payloadFormat: 'http', http }), never), {
    kind: 'result',
    status: 200,
  })
  t.match(cloud.asked, [{ url: '/api/hello/?a=1', headers: { 'x-functions-key': 'the-key==' } }])
})

t.test('a caller can not choose the key, also where there is none', async t => {
  const { cloud, backend } = await setUp(t, {}, undefined)
  const headers = [['x-functions-key', 'theirs']] as const
  const http = { method: 'GET', path: '/', query: '', headers, body: Buffer.alloc(0) }
  await backend.invoke(invokeCall({ payloadFormat: 'http', http }), never)
  t.notOk('x-functions-key' in (cloud.asked[0]?.headers ?? {}))
})

t.test('without its key nothing is sent', async t => {
  const { cloud, backend } = await setUp(t, {}, '/nowhere')
  t.match(await backend.invoke(invokeCall(), never), { code: 'credentials', retryable: true })
  t.equal(cloud.asked.length, 0)
})

t.test('nobody waits longer than Azure does', async t => {
  mockTime(t)
  const { backend } = await setUp(t, 'silence', undefined)
  const waiting = backend.invoke(invokeCall(), never)
  mock.timers.tick(230_000)
  t.match(await waiting, { code: 'timeout' })
})
