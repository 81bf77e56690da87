import t, { type Test } from 'tap'
import type { KubernetesObject } from '../../../../../src/control/kubernetes/api/kubernetes-object.ts'
import {
  installedWebhooks,
  webhookConfigurations,
  writeWebhookAuthority,
} from '../../../../../src/control/kubernetes/webhook/webhook-authority.ts'
import { startApi } from '../identity/bound-token.ts'

const { signal } = new AbortController()
const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function start(t: Test, webhooks: readonly object[] | undefined) {
  const { server, api } = await startApi(t)
  const patches: unknown[] = []
  server.handlers.set(`PATCH ${webhookConfigurations}/weft-injector`, (body, { contentType }) => {
    patches.push([contentType, body])
    return {}
  })
  const object = { metadata: { name: 'weft-injector' }, webhooks } as KubernetesObject
  const installed = () => (webhooks === undefined ? undefined : installedWebhooks(object))
  const write = () => writeWebhookAuthority({ api, bundle: () => 'PEM', installed }, signal)
  return { server, patches, write }
}

t.test('the API server is told whom to believe, where it is told otherwise', async t => {
  const { patches, write } = await start(t, [
    { name: 'namespace.weft.dev', clientConfig: { service: {}, caBundle: base64('old') } },
    { name: 'right.weft.dev', clientConfig: { caBundle: base64('PEM') } },
    { name: 'pod.weft.dev', clientConfig: { service: {} } },
  ])
  await write()
  t.strictSame(patches, [
    [
      'application/json-patch+json',
      [
        { op: 'test', path: '/webhooks/0/name', value: 'namespace.weft.dev' },
        { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: base64('PEM') },
        { op: 'test', path: '/webhooks/2/name', value: 'pod.weft.dev' },
        { op: 'add', path: '/webhooks/2/clientConfig/caBundle', value: base64('PEM') },
      ],
    ],
  ])
})

t.test('nothing is written where all is right, or nothing is installed', async t => {
  const right = [{ name: 'pod.weft.dev', clientConfig: { caBundle: base64('PEM') } }]
  for (const webhooks of [right, [], undefined]) {
    const { server, write } = await start(t, webhooks)
    await write()
    t.equal(server.requests.length, 0)
  }
})

t.test('a configuration with odd values does not break it', async t => {
  const object = { metadata: { name: 'weft-injector' } }
  for (const webhooks of [undefined, null])
    t.strictSame(installedWebhooks({ ...object, webhooks } as KubernetesObject), [])
  const webhooks = [{ name: 'a' }, { name: 'b', clientConfig: null }]
  t.match(installedWebhooks({ ...object, webhooks } as KubernetesObject), [
    { name: 'a', caBundle: undefined },
    { name: 'b', caBundle: undefined },
  ])
})
