import { join } from 'node:path'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { GoogleIdentity } from '../../../../src/functions/cloud/google-identity.ts'
import {
  cloudClient,
  deadUrl,
  fakeAccount,
  fakeCloud,
  idToken,
  type FakeCloud,
} from '../../../support/functions/fake-clouds.ts'

const never = new AbortController().signal
const audience = 'https://hello-abc.a.run.app'
const start = Date.UTC(2026, 10, 27)
const hour = 3_600_000
const google = { 'metadata-flavor': 'Google' }

function identityOf(
  t: Test,
  environment: Readonly<Record<string, string>>,
  wallNow: () => number = () => start,
) {
  return new GoogleIdentity(audience, { client: cloudClient(t), environment, wallNow })
}

function onMetadata(t: Test, cloud: FakeCloud, wallNow?: () => number) {
  return identityOf(t, { GCE_METADATA_HOST: cloud.host }, wallNow)
}

t.test('the metadata server is asked for a token of this audience', async t => {
  const body = idToken(audience, start + hour)
  const cloud = await fakeCloud(t, () => ({ headers: google, body }))
  const token = await onMetadata(t, cloud).get(never)
  t.equal(token.text, body)
  t.equal(token.expiresAt, start + hour)
  const [asked] = cloud.asked
  t.match(asked?.headers, google)
  const url = new URL(asked?.url ?? '', cloud.url)
  t.equal(url.pathname, '/computeMetadata/v1/instance/service-accounts/default/identity')
  t.equal(url.searchParams.get('audience'), audience)
})

t.test('a token is kept, and fetched once for all that wait', async t => {
  const clock = { now: start }
  const cloud = await fakeCloud(t, () => ({
    headers: google,
    body: idToken(audience, clock.now + hour),
  }))
  const identity = onMetadata(t, cloud, () => clock.now)
  await Promise.all([identity.get(never), identity.get(never)])
  t.equal(cloud.asked.length, 1)
  clock.now += hour
  t.equal((await identity.get(never)).expiresAt, start + 2 * hour)
  t.equal(cloud.asked.length, 2)
})

t.test('what is no token for this service is not sent to it', async t => {
  const answers = [
    { body: idToken(audience, start + hour) },
    { headers: google, status: 404, body: 'no account' },
    { headers: google, body: idToken(`${audience}/`, start + hour) },
    { headers: google, body: idToken(audience, start) },
    { headers: google, body: 'hidden' },
    { headers: google, body: '' },
  ]
  for (const answer of answers) {
    const cloud = await fakeCloud(t, () => answer)
    const error = await onMetadata(t, cloud)
      .get(never)
      .catch((thrown: unknown) => thrown)
    t.match(error, { code: 'credentials', unsent: true })
    t.notMatch(inspect(error), 'hidden')
  }
})

t.test('a machine without a metadata server has no identity', async t => {
  const host = new URL(await deadUrl()).host
  const identity = identityOf(t, { GCE_METADATA_HOST: host })
  await t.rejects(identity.get(never), { code: 'credentials' })
})

async function onKeyFile(t: Test) {
  const account = await fakeAccount(() => start)
  const cloud = await fakeCloud(t, async asked =>
    account.exchange(asked, `${cloud.url}/token`, 3600),
  )
  const path = join(t.testdir({ 'key.json': account.keyFile(`${cloud.url}/token`) }), 'key.json')
  return { cloud, path, identity: identityOf(t, { GOOGLE_APPLICATION_CREDENTIALS: path }) }
}

t.test('the key of an account signs for a token, which its endpoint verifies', async t => {
  const { cloud, identity } = await onKeyFile(t)
  t.equal((await identity.get(never)).expiresAt, start + hour)
  t.match(cloud.asked, [{ method: 'POST', url: '/token' }])
  const form = new URLSearchParams(cloud.asked[0]?.body.toString())
  t.equal(form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer')
})

t.test('a refusal is told by its code, and nothing else of it', async t => {
  const body = JSON.stringify({ error: 'invalid_grant', error_description: 'hidden' })
  const cloud = await fakeCloud(t, () => ({ status: 400, body }))
  const account = await fakeAccount(() => start)
  const path = join(t.testdir({ 'key.json': account.keyFile(`${cloud.url}/token`) }), 'key.json')
  const error = await identityOf(t, { GOOGLE_APPLICATION_CREDENTIALS: path })
    .get(never)
    .catch((thrown: unknown) => thrown)
  t.match(error, { code: 'credentials', message: '400 without an id_token: invalid_grant' })
  t.notMatch(inspect(error), 'hidden')
})

t.test('a key file that is none is refused without a word of its content', async t => {
  const files = {
    'text.json': 'hidden',
    'user.json': '{"type":"authorized_user","refresh_token":"hidden"}',
    'key.json': '{"type":"service_account","client_email":"a","private_key":"hidden"}',
    'uri.json':
      '{"type":"service_account","client_email":"a","private_key":"hidden","token_uri":"x"}',
  }
  const folder = t.testdir(files)
  for (const name of [...Object.keys(files), 'missing.json']) {
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: join(folder, name) }
    const error = await identityOf(t, environment)
      .get(never)
      .catch((thrown: unknown) => thrown)
    t.match(error, { code: 'credentials', message: name })
    t.notMatch(inspect(error), 'hidden')
  }
})

t.test('tokens are in nothing that is printed', async t => {
  const body = idToken(audience, start + hour)
  const cloud = await fakeCloud(t, () => ({ headers: google, body }))
  const token = await onMetadata(t, cloud).get(never)
  t.notMatch(`${inspect(token)} ${JSON.stringify(token)}`, body)
})
