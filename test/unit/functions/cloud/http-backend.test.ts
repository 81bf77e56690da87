import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HttpBackend } from '../../../../src/functions/cloud/http-backend.ts'
import { cloudClient, fakeCloud, invokeCall } from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const headers = [['authorization', 'Basic theirs']] as const
const http = { method: 'GET', path: '/', query: '', headers, body: Buffer.alloc(0) }
const call = invokeCall({ payloadFormat: 'http', http })

async function setUp(t: Test, tokenFile: string | undefined) {
  const cloud = await fakeCloud(t, () => ({ body: 'hi' }))
  const backend = new HttpBackend({
    name: 'there',
    region: undefined,
    url: cloud.url,
    allowPlainHttp: false,
    responseMode: 'buffered',
    timeoutMs: 5000,
    client: cloudClient(t),
    now: () => 0,
    wallNow: () => 0,
    tokenFile,
  })
  return { cloud, backend }
}

t.test('a token stands in place of what the caller sent', async t => {
  const { cloud, backend } = await setUp(t, join(t.testdir({ token: 'ours\n' }), 'token'))
  t.match(await backend.invoke(call, never), { kind: 'result', status: 200 })
  t.equal(cloud.asked[0]?.headers.authorization, 'Bearer ours')
})

t.test('without a token the caller speaks for itself', async t => {
  const { cloud, backend } = await setUp(t, undefined)
  await backend.invoke(call, never)
  t.equal(cloud.asked[0]?.headers.authorization, 'Basic theirs')
})

t.test('a token that can not be read is not left out', async t => {
  const { cloud, backend } = await setUp(t, '/nowhere')
  t.match(await backend.invoke(call, never), { code: 'credentials' })
  t.equal(cloud.asked.length, 0)
})
