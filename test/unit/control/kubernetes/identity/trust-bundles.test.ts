import t, { type Test } from 'tap'
import type { KubernetesObject } from '../../../../../src/control/kubernetes/api/kubernetes-object.ts'
import {
  storedBundleOf,
  writeTrustBundles,
} from '../../../../../src/control/kubernetes/identity/trust-bundles.ts'
import { startApi } from './bound-token.ts'

const configMaps = '/api/v1/configmaps'
const { signal } = new AbortController()

async function start(t: Test, namespaces: string[]) {
  const { server, api } = await startApi(t)
  const trust = { bundle: 'one' }
  const write = () =>
    writeTrustBundles(
      {
        api,
        bundle: () => trust.bundle,
        namespaces: () => namespaces,
        stored: () =>
          new Map(
            server.all(configMaps).map(object => {
              const { namespace, name } = object.metadata
              return [`${namespace}/${name}`, storedBundleOf(object as KubernetesObject)]
            }),
          ),
        restMs: 0,
      },
      signal,
    )
  const writes = () => server.requests.filter(({ method }) => method !== 'GET')
  const dataOf = (namespace: string) =>
    server.find(configMaps, `${namespace}/weft-trust-bundle`)?.['data']
  return { server, trust, write, writes, dataOf }
}

t.test('each namespace but those of the system gets it, once', async t => {
  const { server, write, writes, dataOf } = await start(t, ['shop', 'kube-system', 'weft-system'])
  await write()
  t.strictSame(dataOf('shop'), { 'trust-bundle.pem': 'one' })
  t.strictSame(dataOf('weft-system'), { 'trust-bundle.pem': 'one' })
  t.equal(dataOf('kube-system'), undefined)
  t.match(server.find(configMaps, 'shop/weft-trust-bundle')?.metadata.labels, {
    'app.kubernetes.io/managed-by': 'weft',
  })
  await write()
  t.equal(writes().length, 2)
})

t.test('a new bundle, an edit by hand and a missing label are mended; the rest stays', async t => {
  const { server, trust, write, writes, dataOf } = await start(t, ['shop'])
  await write()
  trust.bundle = 'two'
  await write()
  t.strictSame(dataOf('shop'), { 'trust-bundle.pem': 'two' })
  const metadata = { namespace: 'shop', name: 'weft-trust-bundle', labels: { team: 'shop' } }
  server.put(configMaps, { metadata, data: { 'trust-bundle.pem': 'two', note: 'ours' } })
  await write()
  t.strictSame(dataOf('shop'), { 'trust-bundle.pem': 'two', note: 'ours' })
  t.match(server.find(configMaps, 'shop/weft-trust-bundle')?.metadata.labels, {
    'app.kubernetes.io/managed-by': 'weft',
    team: 'shop',
  })
  t.equal(writes().length, 3)
})

t.test('where the watch is behind, what is there is changed and what is not is made', async t => {
  const { server, api } = await startApi(t)
  const metadata = { namespace: 'shop', name: 'weft-trust-bundle' }
  server.put(configMaps, { metadata, data: { 'trust-bundle.pem': 'old' } })
  const stored = new Map([['web/weft-trust-bundle', { bundle: 'old', isManaged: true }]])
  await writeTrustBundles(
    {
      api,
      bundle: () => 'new',
      namespaces: () => ['shop', 'web'],
      stored: () => stored,
      restMs: 0,
    },
    signal,
  )
  for (const namespace of ['shop', 'web'])
    t.match(server.find(configMaps, `${namespace}/weft-trust-bundle`), {
      data: { 'trust-bundle.pem': 'new' },
    })
})

t.test(
  'a namespace that is going is passed over, one that fails does not stop the others',
  async t => {
    const { server, write, dataOf } = await start(t, ['going', 'gone', 'full', 'shop'])
    const message = 'forbidden: because it is being terminated'
    server.fail(/namespaces\/going/, { status: 403, reason: 'Forbidden', message })
    server.fail(/namespaces\/gone/, { status: 404, reason: 'NotFound' })
    server.fail(/namespaces\/full/, { status: 403, message: 'exceeded quota: objects' })
    await t.rejects(write(), { message: /exceeded quota/ })
    t.ok(dataOf('shop'))
    t.notOk(dataOf('going'))
    await write()
    t.ok(dataOf('full'))
  },
)

t.test('a server that has no time is left alone at once', async t => {
  for (const fault of [{ status: 429 }, { status: 503 }, 'die'] as const) {
    const { server, write, writes } = await start(t, ['a', 'b', 'c'])
    server.fail(/configmaps/, fault)
    await t.rejects(write(), { name: 'KubernetesError' })
    t.equal(writes().length, 1)
  }
})

t.test('what is no ConfigMap of ours is taken for what it is', async t => {
  const metadata = { name: 'weft-trust-bundle' }
  for (const data of [undefined, null, {}, { 'trust-bundle.pem': 1 }])
    t.strictSame(storedBundleOf({ metadata, data } as KubernetesObject), {
      bundle: undefined,
      isManaged: false,
    })
})
