import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { CompactEncrypt, compactDecrypt } from 'jose'
import t, { type Test } from 'tap'
import {
  healthOf,
  type Backend,
  type BackendCall,
  type BackendResult,
} from '../../src/functions/cloud/backend.ts'
import { BackendFactory } from '../../src/functions/cloud/create-backend.ts'
import { PlacedBackends } from '../../src/functions/placement/placed-backends.ts'
import type {
  PlacementSettings,
  RemoteBackendSettings,
} from '../../src/model/function/function-placement.ts'
import {
  cloudClient,
  fakeAccount,
  fakeCloud,
  idToken,
  invokeCall,
  signatureHolds,
  type Behaviour,
} from '../support/functions/fake-clouds.ts'
import { lambdaSettings, urlSettings } from '../support/functions/placements.ts'
import { testFolder } from '../support/test-folder.ts'

const never = new AbortController().signal
const start = Date.UTC(2026, 10, 27)
const hour = 3_600_000
const region = 'eu-central-1'

function contextOf(
  t: Test,
  environment: Readonly<Record<string, string>>,
  wallNow: () => number = () => start,
) {
  return new BackendFactory({
    client: cloudClient(t),
    environment: { AWS_EC2_METADATA_DISABLED: 'true', ...environment },
    now: () => performance.now(),
    wallNow,
    random: () => 0,
  })
}

function textOf(result: BackendResult): string {
  return result.kind === 'result' && Buffer.isBuffer(result.body)
    ? result.body.toString()
    : result.kind
}

/** Lambda that takes only what is signed with the one key that is valid now. */
async function fakeLambda(
  t: Test,
  valid: () => { accessKeyId: string; secretAccessKey: string; sessionToken?: string },
) {
  return fakeCloud(t, async (asked): Promise<Behaviour> => {
    const { accessKeyId, ...rest } = valid()
    const credential = /Credential=([^/]+)/.exec(asked.headers.authorization ?? '')?.[1]
    const refused = (type: string): Behaviour => ({
      status: 403,
      headers: { 'x-amzn-errortype': type },
      body: '{"message":"no"}',
    })
    if (credential !== accessKeyId) return refused('UnrecognizedClientException')
    const holds = await signatureHolds(asked, { accessKeyId, ...rest }, region)
    return holds
      ? { body: `{"got":${asked.body.toString()}}` }
      : refused('InvalidSignatureException')
  })
}

function credentialsDocument(key: string, expiresAt: number): string {
  return JSON.stringify({
    Code: 'Success',
    AccessKeyId: key,
    SecretAccessKey: `secret of ${key}`.replaceAll(' ', '-'),
    Token: `token-of-${key}`,
    Expiration: new Date(expiresAt).toISOString(),
  })
}

function temporary(key: string) {
  return {
    accessKeyId: key,
    secretAccessKey: `secret-of-${key}`,
    sessionToken: `token-of-${key}`,
  }
}

t.test('Lambda is called with credentials of each source that AWS has', async t => {
  const expiresAt = start + hour
  const xml = (key: string): string => {
    const fields = JSON.parse(credentialsDocument(key, expiresAt)) as Record<string, string>
    const { AccessKeyId, SecretAccessKey, Token, Expiration } = fields
    return `<R><Credentials><AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken><Expiration>${Expiration}</Expiration></Credentials></R>`
  }
  const sts = await fakeCloud(t, () => ({ body: xml('STS') }))
  const container = await fakeCloud(t, () => ({
    body: credentialsDocument('CONTAINER', expiresAt),
  }))
  const instance = await fakeCloud(t, ({ method, url }) => {
    if (method === 'PUT') return { body: 'metadata-token' }
    return { body: url.endsWith('/') ? 'role' : credentialsDocument('INSTANCE', expiresAt) }
  })
  const file = `[default]\naws_access_key_id=FILE\naws_secret_access_key=secret-of-FILE\naws_session_token=token-of-FILE\n`
  const folder = testFolder(t, { credentials: file, token: 'web.identity.token' })
  const sources = {
    ENV: {
      AWS_ACCESS_KEY_ID: 'ENV',
      AWS_SECRET_ACCESS_KEY: 'secret-of-ENV',
      AWS_SESSION_TOKEN: 'token-of-ENV',
    },
    FILE: { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') },
    STS: {
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
      AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
      AWS_ENDPOINT_URL_STS: sts.url,
    },
    CONTAINER: { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/role` },
    INSTANCE: {
      AWS_EC2_METADATA_DISABLED: 'false',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: instance.url,
    },
  }
  for (const [key, environment] of Object.entries(sources)) {
    const lambda = await fakeLambda(t, () => temporary(key))
    const settings = { ...lambdaSettings('lambda', region), endpoint: lambda.url }
    const backend = await contextOf(t, environment).create(settings, undefined)
    t.equal(textOf(await backend.invoke(invokeCall(), never)), '{"got":{"n":1}}', key)
  }
})

t.test(
  'credentials that expire, or are taken back, are replaced without a failed call',
  async t => {
    const clock = { now: start }
    let valid = 'FIRST'
    const container = await fakeCloud(t, () => ({
      body: credentialsDocument(valid, clock.now + hour),
    }))
    const lambda = await fakeLambda(t, () => temporary(valid))
    const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: container.url }
    const settings = { ...lambdaSettings('lambda', region), endpoint: lambda.url }
    const factory = contextOf(t, environment, () => clock.now)
    const backend = await factory.create(settings, undefined)
    const good = async (): Promise<void> =>
      void t.equal(textOf(await backend.invoke(invokeCall(), never)), '{"got":{"n":1}}')
    await good()
    // Expired: the next call has to wait for others.
    clock.now += hour
    valid = 'SECOND'
    await good()
    t.equal(container.asked.length, 2)
    // Taken back: AWS refuses, and the same call goes again.
    clock.now += hour / 2
    valid = 'THIRD'
    await good()
    t.equal(container.asked.length, 3)
    t.equal(lambda.asked.length, 4)
  },
)

t.test('Cloud Run is called with a token of the account, fetched once', async t => {
  const account = await fakeAccount(() => start)
  const google = await fakeCloud(t, async asked =>
    account.exchange(asked, `${google.url}/token`, 3600),
  )
  const run = await fakeCloud(t, ({ headers, url }) =>
    headers.authorization?.startsWith('Bearer ey')
      ? { headers: { 'content-type': 'text/plain' }, body: `you asked for ${url}` }
      : { status: 403, headers: { 'www-authenticate': 'Bearer' } },
  )
  const path = join(
    testFolder(t, { 'key.json': account.keyFile(`${google.url}/token`) }),
    'key.json',
  )
  const factory = contextOf(t, { GOOGLE_APPLICATION_CREDENTIALS: path })
  const backend = await factory.create(urlSettings('cloud-run', 'europe-west1', run.url), undefined)
  const http = { method: 'GET', path: '/orders', query: 'id=7', headers: [], body: Buffer.alloc(0) }
  const call = invokeCall({ payloadFormat: 'http', http })
  const results = await Promise.all([1, 2, 3].map(() => backend.invoke(call, never)))
  for (const result of results) {
    t.match(result, { kind: 'result', form: 'http', contentType: 'text/plain' })
    t.equal(textOf(result), 'you asked for /orders?id=7')
  }
  t.equal(google.asked.length, 1)
})

t.test('Cloud Run takes the token of the machine', async t => {
  const run = await fakeCloud(t, () => ({ body: 'hi' }))
  const token = idToken(run.url, start + hour)
  const headers = { 'metadata-flavor': 'Google' }
  const metadata = await fakeCloud(t, () => ({ headers, body: token }))
  const factory = contextOf(t, { GCE_METADATA_HOST: metadata.host })
  const settings = urlSettings('cloud-run', 'europe-west1', run.url)
  const backend = await factory.create(settings, undefined)
  t.equal(textOf(await backend.invoke(invokeCall(), never)), 'hi')
  t.equal(run.asked[0]?.headers.authorization, `Bearer ${token}`)
})

/** As the host of a function goes about it: again elsewhere, where the call may be. */
async function place(
  placed: PlacedBackends,
  backends: ReadonlyMap<string, Backend>,
  call: BackendCall,
): Promise<{ readonly result: BackendResult | undefined; readonly path: string[] }> {
  const path: string[] = []
  let result: BackendResult | undefined
  for (;;) {
    const lease = placed.take(new Set(path))
    const backend = lease.backend === undefined ? undefined : backends.get(lease.backend)
    if (lease.backend === undefined || backend === undefined) return { result, path }
    path.push(lease.backend)
    result = await backend.invoke(call, never)
    lease.settle({ outcome: healthOf(result), ms: 1, bytes: 1 })
    if (result.kind !== 'backend-failure' || !result.retryable) return { result, path }
  }
}

async function setUpPlaces(t: Test, behaviour: Behaviour) {
  const timeoutMs = behaviour === 'silence' ? 300 : 30_000
  const clouds = {
    primary: await fakeCloud(t, () => behaviour),
    secondary: await fakeCloud(t, () => ({ body: 'second' })),
    abroad: await fakeCloud(t, () => ({ body: 'must not be' })),
  }
  const regions = { primary: 'westeurope', secondary: 'eu-west-1', abroad: 'us-east-1' }
  const configured: RemoteBackendSettings[] = Object.entries(clouds).map(([name, { url }]) => ({
    ...urlSettings('azure-function', regions[name as keyof typeof regions], url),
    name,
    timeoutMs: name === 'primary' ? timeoutMs : 30_000,
  }))
  const settings: PlacementSettings = {
    policy: { kind: 'failover' },
    homeRegion: 'eu-home',
    residency: ['westeurope', 'eu-*'],
    encryption: undefined,
    requireEncryption: 'never',
    backends: configured,
  }
  const factory = contextOf(t, {})
  const backends = new Map<string, Backend>()
  for (const one of configured) backends.set(one.name, await factory.create(one, undefined))
  const placed = new PlacedBackends({ settings, now: () => 0, random: () => 0 })
  return { clouds, placed, backends }
}

t.test('faults of a cloud: where the call may go elsewhere, it does, and never abroad', async t => {
  const cases = [
    [{ status: 429 }, ['primary', 'secondary'], 'second'],
    [{ status: 503 }, ['primary'], 'backend-failure'],
    ['reset', ['primary'], 'backend-failure'],
    ['cut', ['primary'], 'backend-failure'],
    ['silence', ['primary'], 'backend-failure'],
    [{ body: Buffer.alloc(7_000_000) }, ['primary'], 'backend-failure'],
    [{ status: 500, body: 'bug' }, ['primary'], 'function-error'],
  ] as const
  for (const [behaviour, wanted, outcome] of cases) {
    const { clouds, placed, backends } = await setUpPlaces(t, behaviour)
    const { result, path } = await place(placed, backends, invokeCall())
    t.same(path, wanted)
    t.equal(result && textOf(result), outcome)
    t.equal(clouds.abroad.asked.length, 0)
  }
})

t.test('an idempotent call survives each of these', async t => {
  for (const behaviour of [{ status: 503 }, 'reset', 'cut', 'silence'] as const) {
    const { placed, backends } = await setUpPlaces(t, behaviour)
    const { result, path } = await place(placed, backends, invokeCall({ idempotent: true }))
    t.same(path, ['primary', 'secondary'])
    t.equal(result && textOf(result), 'second')
  }
})

t.test('a cloud that fails is left alone; when all do, the reason says so', async t => {
  const { clouds, placed, backends } = await setUpPlaces(t, { status: 503 })
  for (let number = 0; number < 5; number++) await place(placed, backends, invokeCall())
  const { path } = await place(placed, backends, invokeCall())
  t.same(path, ['secondary'])
  t.equal(clouds.primary.asked.length, 5)
  const none = placed.take(new Set(['secondary']))
  t.match(none.reason, 'primary: breaker')
  t.match(none.reason, 'secondary: tried')
  t.match(none.reason, 'abroad: residency')
})

t.test('functions that fail close no way', async t => {
  const { placed, backends } = await setUpPlaces(t, { status: 500 })
  for (let number = 0; number < 20; number++) await place(placed, backends, invokeCall())
  t.equal(placed.breakerState('primary'), 'closed')
})

t.test('what is encrypted is opened by the function alone', async t => {
  const key = randomBytes(32)
  const keyFile = join(testFolder(t, { key: key.toString('base64') }), 'key')
  const cloud = await fakeCloud(t, async ({ body }) => {
    const { weftEncrypted } = JSON.parse(body.toString()) as { weftEncrypted: string }
    const { plaintext, protectedHeader } = await compactDecrypt(weftEncrypted, key)
    const { weftId } = protectedHeader as { weftId?: string }
    const answer = await new CompactEncrypt(Buffer.from(`got ${Buffer.from(plaintext).toString()}`))
      .setProtectedHeader({
        alg: 'dir',
        enc: 'A256GCM',
        weftUse: 'answer',
        ...(weftId !== undefined && { weftId }),
      })
      .encrypt(key)
    return { body: JSON.stringify({ weftEncrypted: answer }) }
  })
  const encryption = { keyFile, keyId: '2026', required: true }
  const settings = urlSettings('http', 'us-east-1', cloud.url)
  const backend = await contextOf(t, {}).create(settings, encryption)
  t.equal(textOf(await backend.invoke(invokeCall(), never)), 'got {"n":1}')
  t.notMatch(String(cloud.asked[0]?.body), '"n":1')
})

const hasCryptography = spawnSync('python3', ['-c', 'import cryptography']).status === 0
const withoutPython = hasCryptography ? false : 'python3 has no module cryptography'

t.test('a handler in Python opens events, and is understood', { skip: withoutPython }, async t => {
  const key = randomBytes(32)
  const keyFile = join(testFolder(t, { key }), 'key')
  const handler = join(import.meta.dirname, '../unit/functions/cloud/data/encrypted_handler.py')
  const cloud = await fakeCloud(t, ({ body }) => {
    const env = { ...process.env, WEFT_KEY: key.toString('base64') }
    const { status, stdout } = spawnSync('python3', [handler], { input: body, env })
    return { status: status === 0 ? 200 : 500, body: stdout }
  })
  const encryption = { keyFile, keyId: '2026', required: true }
  const settings = urlSettings('http', 'us-east-1', cloud.url)
  const backend = await contextOf(t, {}).create(settings, encryption)
  const result = await backend.invoke(invokeCall(), never)
  t.same(JSON.parse(textOf(result)), { got: { n: 1 } })
})
