import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BackendFactory } from '../../../../src/functions/cloud/create-backend.ts'
import { backendProblems } from '../../../../src/model/function/backend-problems.ts'
import type { RemoteBackendSettings } from '../../../../src/model/function/function-placement.ts'
import { cloudClient, fakeCloud, invokeCall } from '../../../support/functions/fake-clouds.ts'

const common = {
  name: 'there',
  weight: 1,
  price: undefined,
  region: 'eu-west-1',
  timeoutMs: 1000,
  responseMode: 'buffered',
  allowPlainHttp: false,
} as const
const lambda = {
  ...common,
  kind: 'aws-lambda',
  functionName: 'f',
  qualifier: undefined,
  endpoint: undefined,
  streamContentType: undefined,
} as const

function http(url: string): RemoteBackendSettings {
  return { ...common, kind: 'http', url, tokenFile: undefined }
}

function factory(t: Test) {
  return new BackendFactory({
    client: cloudClient(t),
    environment: { AWS_EC2_METADATA_DISABLED: 'true' },
    now: () => 0,
    wallNow: () => 0,
    random: () => 0,
  })
}

t.test('what would not be safe is a problem', async t => {
  const cases = [
    ['http://example.com', 'only https'],
    ['https://user:hidden@example.com', 'must not hold a password'],
    ['https://example.com/api?code=hidden', 'must not have a query'],
    ['no url', 'is no URL'],
  ] as const
  for (const [url, problem] of cases) t.match(backendProblems(http(url)).join(), problem)
  t.same(backendProblems(http('https://example.com/api')), [])
  t.same(backendProblems({ ...http('http://example.com'), allowPlainHttp: true }), [])
  t.match(backendProblems({ ...lambda, region: 'evil.example/' }).join(), 'no region of AWS')
  t.same(backendProblems(lambda), [])
  await t.rejects(factory(t).create(http('no url'), undefined), {
    message: 'backend there: no url',
  })
})

t.test('each kind becomes its backend', async t => {
  const url = 'https://example.com'
  const settings: RemoteBackendSettings[] = [
    lambda,
    { ...common, kind: 'cloud-run', url, audience: undefined, passAuthorization: false },
    { ...common, kind: 'azure-function', url, keyFile: undefined },
    http(url),
  ]
  for (const one of settings) {
    const { kind, name, region } = await factory(t).create(one, undefined)
    t.same({ kind, name, region }, { kind: one.kind, name: 'there', region: 'eu-west-1' })
  }
})

t.test('with a key, events are encrypted', async t => {
  const cloud = await fakeCloud(t, () => ({ body: '1' }))
  const keyFile = join(t.testdir({ key: Buffer.alloc(32, 7) }), 'key')
  const encryption = { keyFile, keyId: 'k', required: false }
  const settings = { ...http(cloud.url), responseMode: 'streaming' } as const
  const backend = await factory(t).create(settings, encryption)
  const answer = await backend.invoke(invokeCall(), new AbortController().signal)
  t.match(answer, { kind: 'result' }, 'which a stream can not be')
  t.match(String(cloud.asked[0]?.body), /^\{"weftEncrypted":"[\w-]+\.\./)
  await t.rejects(factory(t).create(http(cloud.url), { ...encryption, keyFile: '/nowhere' }))
})
