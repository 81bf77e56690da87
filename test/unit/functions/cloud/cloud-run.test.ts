import t, { type Test } from 'tap'
import { CloudRunBackend } from '../../../../src/functions/cloud/cloud-run.ts'
import { GoogleIdentity } from '../../../../src/functions/cloud/google-identity.ts'
import {
  cloudClient,
  fakeCloud,
  idToken,
  invokeCall,
  type Behaviour,
} from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const hour = 3_600_000
const theirs = [
  ['authorization', 'Basic theirs'],
  ['x-serverless-authorization', 'Bearer forged'],
] as const
const http = { method: 'GET', path: '/', query: '', headers: theirs, body: Buffer.alloc(0) }
const call = invokeCall({ payloadFormat: 'http', http })

async function setUp(
  t: Test,
  passAuthorization: boolean,
  answer: Behaviour = { body: 'hi' },
  more: Readonly<Record<string, string>> = {},
) {
  const clock = { now: 0 }
  const client = cloudClient(t)
  const cloud = await fakeCloud(t, () => answer)
  const metadata = await fakeCloud(t, () => ({
    headers: { 'metadata-flavor': 'Google' },
    body: idToken(cloud.url, clock.now + hour),
  }))
  const environment = { GCE_METADATA_HOST: metadata.host, ...more }
  const wallNow = (): number => clock.now
  const backend = new CloudRunBackend({
    name: 'run',
    region: 'europe-west1',
    url: cloud.url,
    allowPlainHttp: false,
    responseMode: 'buffered',
    timeoutMs: 5000,
    client,
    now: () => 0,
    identity: new GoogleIdentity(cloud.url, { client, environment, wallNow }),
    passAuthorization,
  })
  return { clock, cloud, metadata, backend, token: idToken(cloud.url, hour) }
}

t.test('an ID token stands in place of what the caller sent', async t => {
  const { cloud, backend, token } = await setUp(t, false)
  t.match(await backend.invoke(call, never), { kind: 'result', form: 'http', status: 200 })
  t.equal(cloud.asked[0]?.headers.authorization, `Bearer ${token}`)
  t.notOk('x-serverless-authorization' in (cloud.asked[0]?.headers ?? {}))
})

t.test('where the function has its own, ours goes by another header', async t => {
  const { cloud, backend, token } = await setUp(t, true)
  await backend.invoke(call, never)
  t.match(cloud.asked[0]?.headers, {
    authorization: 'Basic theirs',
    'x-serverless-authorization': `Bearer ${token}`,
  })
})

t.test('a token that is refused is replaced for the next call', async t => {
  const answer = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }
  const { clock, metadata, backend } = await setUp(t, false, answer)
  clock.now = 1000
  t.match(await backend.invoke(call, never), { code: 'denied', retryable: true })
  clock.now = 60_000
  await backend.invoke(call, never)
  await backend.invoke(call, never)
  t.equal(metadata.asked.length, 2)
})

t.test('without a token nothing is sent', async t => {
  const environment = { GOOGLE_APPLICATION_CREDENTIALS: '/nowhere' }
  const { cloud, backend } = await setUp(t, false, { body: 'hi' }, environment)
  t.match(await backend.invoke(call, never), { code: 'credentials', retryable: true })
  t.equal(cloud.asked.length, 0)
})
