import t from 'tap'
import { fetchPod } from '../../../../../src/control/kubernetes/identity/known-pod.ts'
import { startApi } from './bound-token.ts'

const { signal } = new AbortController()
const name = { namespace: 'shop', name: 'orders-0' }

t.test('a pod says who it is', async t => {
  const { server, api } = await startApi(t)
  t.equal(await fetchPod(api, name, signal), undefined)
  const labels = { app: 'orders' }
  server.put('/api/v1/pods', { metadata: { ...name, labels }, spec: { serviceAccountName: 'o' } })
  t.match(await fetchPod(api, name, signal), { uid: /^uid-/, serviceAccount: 'o', labels })
})

t.test('trouble, and what is no pod, is not taken for its absence', async t => {
  const { server, api } = await startApi(t)
  server.fail(/pods/, { status: 500 }, { text: '{"kind":"Pod"}' })
  await t.rejects(fetchPod(api, name, signal), { name: 'KubernetesError', status: 500 })
  await t.rejects(fetchPod(api, name, signal), { message: /something else for Pod shop\/orders-0/ })
})
