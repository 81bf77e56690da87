import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import type { KnownPod } from '../../../../../src/control/kubernetes/identity/known-pod.ts'
import {
  ServiceAccountAttestor,
  type ServiceAccountAttestorOptions,
} from '../../../../../src/control/kubernetes/identity/service-account-attestor.ts'
import { eventually } from '../../../../support/mesh.ts'
import { boundToken, reviewed, reviews, startApi } from './bound-token.ts'

const orders: KnownPod = {
  uid: 'uid-orders-0',
  serviceAccount: 'orders',
  labels: { app: 'orders' },
}
const workload = {
  namespace: 'shop',
  name: 'orders-0',
  serviceAccount: 'orders',
  labels: { app: 'orders' },
}

async function start(t: Test, options: Partial<ServiceAccountAttestorOptions> = {}) {
  const { server, api } = await startApi(t)
  const pods = new Map([['shop/orders-0', orders]])
  const warnings: object[] = []
  const clock = { now: 1_000_000 }
  const attestor = new ServiceAccountAttestor({
    api,
    pods: { find: (namespace, name) => pods.get(`${namespace}/${name}`) },
    now: () => clock.now,
    logger: { ...silentLogger, warn: fields => void warnings.push(fields) },
    ...options,
  })
  t.teardown(() => attestor.close())
  server.handlers.set(reviews, () => reviewed())
  const attest = (token: string | undefined, publicKey = 'a-key') =>
    attestor.attest({ token, publicKey, address: '10.0.0.7' })
  return { server, pods, warnings, clock, attestor, attest }
}

const expiringAt = (seconds: number): string => boundToken({ exp: seconds })

t.test('a pod is known by the token that the kubelet mounts into it', async t => {
  const { attest, server } = await start(t)
  t.strictSame(await attest(expiringAt(4000)), workload)
  t.equal(server.requests.length, 1)
})

t.test('evidence of other kinds is left to others', async t => {
  const { attest, server } = await start(t)
  for (const token of [undefined, '', 'x'.repeat(43), 'a.b', 'a.b.c.d', '../a.b.c'])
    t.equal(await attest(token), undefined)
  t.equal(server.requests.length, 0)
})

t.test('what only looks like a token does not reach the API server', async t => {
  const { attest, server } = await start(t)
  await t.rejects(attest('a.b.c'), {
    name: 'AttestationError',
    reason: 'bad_token',
    message: /no JSON Web Token/,
  })
  t.equal(server.requests.length, 0)
})

t.test('a pod that the watch has not brought yet is asked for', async t => {
  const { attest, server, pods } = await start(t)
  pods.clear()
  const metadata = { namespace: 'shop', name: 'orders-0', labels: { app: 'orders' } }
  const pod = server.put('/api/v1/pods', { metadata, spec: { serviceAccountName: 'orders' } })
  const uid = pod.metadata.uid ?? ''
  const extra = { 'authentication.kubernetes.io/pod-uid': [uid] }
  server.handlers.set(reviews, () => reviewed({}, extra))
  t.strictSame(await attest(expiringAt(4000)), workload)
  t.match(server.requests[1], { method: 'GET', path: '/api/v1/namespaces/shop/pods/orders-0' })
  pods.set('shop/orders-0', { ...orders, uid: 'of its namesake before' })
  t.strictSame(await attest(expiringAt(4000)), workload)
})

t.test('a pod that is gone, or is another by now, gets nothing', async t => {
  const { attest, server, pods } = await start(t)
  pods.clear()
  await t.rejects(attest(expiringAt(4000)), {
    name: 'AttestationError',
    reason: 'unknown_workload',
  })
  const metadata = { namespace: 'shop', name: 'orders-0' }
  server.put('/api/v1/pods', { metadata, spec: { serviceAccountName: 'orders' } })
  await t.rejects(
    attest(expiringAt(4000)),
    { name: 'AttestationError', reason: 'unknown_workload' },
    'another uid',
  )
  pods.set('shop/orders-0', { ...orders, serviceAccount: 'default' })
  await t.rejects(
    attest(expiringAt(4000)),
    { name: 'AttestationError', reason: 'unknown_workload' },
    'another account',
  )
})

t.test('a token that was used serves no other key, for as long as it lives', async t => {
  const { attest, server, clock, warnings } = await start(t)
  const token = boundToken({ exp: 4000, sub: 'system:serviceaccount:shop:orders' })
  await attest(token, 'one')
  await t.rejects(attest(token, 'two'), { name: 'AttestationError', reason: 'replayed_token' })
  t.equal(server.requests.length, 1, 'the API server is not asked about it')
  t.match(warnings, [{ subject: 'system:serviceaccount:shop:orders' }])
  t.strictSame(await attest(token, 'one'), workload, 'an answer that was lost is given again')
  clock.now = 4_000_000 + 299_999
  await t.rejects(attest(token, 'two'), { name: 'AttestationError', reason: 'replayed_token' })
})

t.test('of many that come with one token at once, one key wins', async t => {
  const { attest } = await start(t)
  const token = expiringAt(4000)
  const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
  const outcomes = await Promise.allSettled(keys.map(key => attest(token, key)))
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes)
    if (outcome.status === 'rejected')
      t.match(outcome.reason, { name: 'AttestationError', reason: 'replayed_token' })
})

t.test('a token that was refused is not taken: only good ones fill the table', async t => {
  const { attest, server } = await start(t, { maxUses: 1 })
  server.handlers.set(reviews, () => ({ status: { error: 'expired' } }))
  for (let index = 0; index < 5; index++)
    await t.rejects(attest(boundToken({ jti: index })), {
      name: 'AttestationError',
      reason: 'bad_token',
    })
  server.handlers.set(reviews, () => reviewed())
  await attest(boundToken({ jti: 'one', exp: 4000 }))
  await t.rejects(attest(boundToken({ jti: 'two', exp: 4000 })), { name: 'AttestationPostponed' })
})

t.test(
  'while the API server is in trouble nobody is refused, and all is well afterwards',
  async t => {
    const { attest, server, warnings, attestor, clock } = await start(t)
    const token = expiringAt(4000)
    const troubles = [
      { status: 429, retryAfter: '1' },
      { status: 500 },
      { status: 403, reason: 'Forbidden' },
      { text: '{"kind":"TokenRev', cut: true },
      { text: '<html>' },
      'die',
    ] as const
    server.fail(/tokenreviews/, ...troubles)
    for (const _ of troubles) await t.rejects(attest(token), { name: 'AttestationPostponed' })
    server.fail(/pods/, { status: 500 })
    t.equal(attestor.failures, troubles.length)
    t.equal(warnings.length, 1, 'one line a minute')
    clock.now += 60_000
    server.fail(/tokenreviews/, { status: 500 })
    await t.rejects(attest(token), { name: 'AttestationPostponed' })
    t.match(warnings[1], { unlogged: troubles.length - 1 })
    t.strictSame(await attest(token, 'another key'), workload)
  },
)

t.test('a pod that cannot be asked for is not a pod that is gone', async t => {
  const { attest, server, pods } = await start(t)
  pods.clear()
  server.fail(/pods/, { status: 500 })
  await t.rejects(attest(expiringAt(4000)), { name: 'AttestationPostponed' })
})

t.test('a request that the API server calls bad is the token’s fault', async t => {
  const { attest, server } = await start(t)
  server.fail(/tokenreviews/, { status: 400, message: 'token is too long' })
  await t.rejects(attest(expiringAt(4000)), {
    name: 'AttestationError',
    reason: 'bad_token',
    message: /too long/,
  })
})

t.test('so many are reviewed at once, and closing ends all of them', async t => {
  const { attest, server, attestor } = await start(t, { maxReviews: 2 })
  server.fail(/tokenreviews/, 'hang', 'hang')
  const hanging = [boundToken({ jti: 1 }), boundToken({ jti: 2 })].map(token => attest(token))
  for (const attempt of hanging) attempt.catch(() => {})
  await eventually(
    () => server.requests.length,
    count => count === 2,
  )
  await t.rejects(attest(boundToken({ jti: 3 })), { name: 'AttestationPostponed' })
  t.equal(server.requests.length, 2)
  await attestor.close()
  for (const attempt of hanging) await t.rejects(attempt, { name: 'AttestationPostponed' })
})

t.test('a pod is recalled as what it is now', async t => {
  const { attestor, pods } = await start(t)
  t.strictSame(attestor.recall({ namespace: 'shop', name: 'orders-0' }), workload)
  t.equal(attestor.recall({ namespace: 'shop', name: 'orders-1' }), undefined)
  pods.clear()
  t.equal(attestor.recall({ namespace: 'shop', name: 'orders-0' }), undefined)
})
