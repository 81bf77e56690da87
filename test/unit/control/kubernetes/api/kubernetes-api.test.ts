import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import {
  KubernetesApi,
  KubernetesError,
  type KubernetesRequest,
} from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'
import { clientOf, service, services, until } from './watching.ts'

const inShop = '/api/v1/namespaces/shop/services'

async function setUp(t: Test) {
  const server = await FakeApiServer.start(t)
  const api = await clientOf(t, server)
  const ask = (method: KubernetesRequest['method'], path: string, more: object = {}) =>
    api.request({
      method,
      path,
      what: 'Service orders',
      signal: AbortSignal.timeout(5000),
      ...more,
    })
  return { server, api, ask }
}

async function failureOf(promise: Promise<unknown>): Promise<KubernetesError> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (error instanceof KubernetesError) return error
  throw new Error('no KubernetesError', { cause: error })
}

t.test('an object is created, read, updated, patched and deleted', async t => {
  const { server, ask } = await setUp(t)
  const created = (await ask('POST', inShop, { body: service('orders') })) as ReturnType<
    typeof service
  > & { metadata: { resourceVersion: string } }
  t.match(created, { metadata: { namespace: 'shop', resourceVersion: '101' } })
  t.strictSame(await ask('GET', `${inShop}/orders`), created)
  const update = { ...created, spec: { ports: [{ port: 90 }] } }
  t.match(await ask('PUT', `${inShop}/orders`, { body: update }), {
    spec: update.spec,
  })
  await ask('PATCH', `${inShop}/orders/status`, { body: { status: { loadBalancer: {} } } })
  t.match(server.find(services, 'shop/orders'), { status: { loadBalancer: {} } })
  await ask('DELETE', `${inShop}/orders`)
  t.equal(server.find(services, 'shop/orders'), undefined)
  t.strictSame(
    server.requests.map(({ method, contentType }) => [method, contentType]),
    [
      ['POST', 'application/json'],
      ['GET', ''],
      ['PUT', 'application/json'],
      ['PATCH', 'application/merge-patch+json'],
      ['DELETE', ''],
    ],
  )
})

t.test('another type of content may be said', async t => {
  const { server, ask } = await setUp(t)
  server.put(services, service('orders'))
  const contentType = 'application/apply-patch+yaml'
  await t.rejects(ask('PATCH', `${inShop}/orders`, { body: {}, contentType }))
  t.equal(server.requests[0]?.contentType, contentType)
})

t.test("refusals have the server's status, reason and words", async t => {
  const { server, ask } = await setUp(t)
  t.match(await failureOf(ask('GET', `${inShop}/orders`)), {
    status: 404,
    reason: 'NotFound',
    message: 'there is no Service orders: services "orders" not found',
  })
  server.put(services, service('orders'))
  t.match(await failureOf(ask('POST', inShop, { body: service('orders') })), {
    status: 409,
    reason: 'AlreadyExists',
    message: /^there is a Service orders already: /,
  })
  server.absent.add('services.')
  const unknown = await failureOf(ask('GET', services, { what: 'Services' }))
  t.match(unknown, { message: /does not know Services: install/ })
  server.absent.clear()
  const stale = { ...service('orders'), metadata: { name: 'orders', resourceVersion: '1' } }
  t.match(await failureOf(ask('PUT', `${inShop}/orders`, { body: stale })), {
    status: 409,
    reason: 'Conflict',
    message: /changed by somebody else/,
  })
  server.fail(/./, { status: 422, reason: 'Invalid', message: 'spec.ports: Required value' })
  t.match(await failureOf(ask('POST', inShop, { body: {} })), {
    status: 422,
    reason: 'Invalid',
    message: 'the API server answered 422 for Service orders: spec.ports: Required value',
  })
})

t.test('a permission that is missing is named as a role has to name it', async t => {
  const { server, ask } = await setUp(t)
  const sentences = [
    ['GET', `${inShop}/orders`, 'the verb get on services (API group "") in namespace shop'],
    ['GET', services, 'the verb list on services (API group "")'],
    ['PATCH', '/apis/weft.dev/v1alpha1/namespaces/shop/functions/f/status', 'functions/status'],
    ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', 'the verb create on tokenreviews'],
  ] as const
  for (const [method, path, sentence] of sentences) {
    server.fail(/./, { status: 403, reason: 'Forbidden', message: 'no' })
    const { message } = await failureOf(ask(method, path))
    t.ok(message.includes(sentence), message)
  }
})

t.test('how long to wait is said in a header, or in the status', async t => {
  const { server, ask } = await setUp(t)
  const cases = [
    [{ status: 429, retryAfter: '7' }, 7000],
    [{ status: 503, details: { retryAfterSeconds: 3 } }, 3000],
    [{ status: 429 }, undefined],
    [{ status: 429, retryAfter: 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    [{ status: 429, retryAfter: '-1' }, undefined],
  ] as const
  for (const [fault, retryAfterMs] of cases) {
    server.fail(/./, fault)
    t.equal((await failureOf(ask('GET', services))).retryAfterMs, retryAfterMs)
  }
})

t.test('a token that was replaced is read again, also for a watch', async t => {
  const { server, api, ask } = await setUp(t)
  server.put(services, service('orders'))
  server.token = 'the-next'
  t.match(await failureOf(ask('GET', services)), { status: 401 })
  t.equal(server.requests.length, 2, 'asked once more, and no further')
  writeFileSync(`${t.testdirName}/token`, 'the-next')
  t.ok(await ask('GET', services))
  const closing = new AbortController()
  const watch = api.watch(`${services}?watch=true`, 'Services', closing.signal)
  t.match(await watch.next(), {
    value: { type: 'ADDED', object: { metadata: { name: 'orders' } } },
  })
  closing.abort()
  await t.rejects(watch.next())
})

t.test('a server that hangs, dies or sends too much fails the request', async t => {
  const { server, ask } = await setUp(t)
  server.fail(/./, 'hang', 'die', 'endless', { text: '<html>' })
  const late = await failureOf(ask('GET', services, { signal: AbortSignal.timeout(30) }))
  t.match(late, { status: undefined, message: /did not answer in time \(Service orders\)/ })
  t.match(await failureOf(ask('GET', services)), { message: /cannot be asked/ })
  t.match(await failureOf(ask('GET', services, { maxBytes: 100_000 })), {
    reason: 'AnswerTooLarge',
    message: 'the API server sent an answer of more than 100000 bytes for Service orders',
  })
  t.equal(await ask('GET', services), undefined, 'what is no JSON is nothing')
})

t.test('what follows a failure is not hindered by it', async t => {
  const { server, ask } = await setUp(t)
  server.fail(/./, 'die')
  const asked = Array.from({ length: 40 }, () => ask('GET', services).catch(() => 'failed'))
  t.equal((await Promise.all(asked)).filter(answer => answer === 'failed').length, 1)
})

t.test('a watch gives line by line, and drops the half one at the end', async t => {
  const { server, api } = await setUp(t)
  const { signal } = new AbortController()
  server.fail(/./, { text: '{"a":1}\n{"b":"é"}\n{"c":' })
  const events: unknown[] = []
  for await (const event of api.watch('/api/v1/pods?watch=true', 'Pods', signal)) events.push(event)
  t.strictSame(events, [{ a: 1 }, { b: 'é' }])
})

t.test('a watch that is refused, is no JSON, or has a line without an end, fails', async t => {
  const { server, api } = await setUp(t)
  const { signal } = new AbortController()
  const next = () => failureOf(api.watch('/api/v1/pods?watch=true', 'Pods', signal).next())
  server.fail(/./, { status: 403 }, { text: 'gone\n' }, 'endless', { text: '{}', cut: true })
  t.match(await next(), { status: 403, message: /may not watch Pods: .* the verb watch on pods/ })
  t.match(await next(), { reason: 'MalformedWatch', message: /sent a line that is not JSON/ })
  t.match(await next(), { reason: 'MalformedWatch', message: /a line of more than 8388608 bytes/ })
  t.match(await next(), { reason: undefined, message: /cannot be asked/ })
})

t.test('who looks away from a watch ends it', async t => {
  const { server, api } = await setUp(t)
  server.put(services, service('orders'))
  const { signal } = new AbortController()
  for await (const _ of api.watch(`${services}?watch=true`, 'Services', signal)) break
  await until(() => server.watching === 0)
  t.equal(server.requests.length, 1)
})

t.test('many watches leave room for requests', async t => {
  const { server, api, ask } = await setUp(t)
  server.put(services, service('orders'))
  const closing = new AbortController()
  const watches = Array.from({ length: 20 }, () =>
    api.watch(`${services}?watch=true`, 'Services', closing.signal),
  )
  await Promise.all(watches.map(watch => watch.next()))
  t.equal(server.watching, 20)
  t.ok(await ask('GET', services))
  closing.abort()
})

t.test('without its files it says what to do', async t => {
  const signal = AbortSignal.timeout(5000)
  const request = { method: 'GET', path: '/version', what: 'version', signal } as const
  const { token } = { token: `${t.testdir({ token: 'x' })}/token` }
  const given = {
    server: 'https://127.0.0.1:1',
    tokenFile: '/nowhere/token',
    caFile: '/nowhere/ca',
  }
  const withoutToken = new KubernetesApi(given)
  await t.rejects(withoutToken.request(request), /token.*\/nowhere\/token.*automountServiceAccount/)
  const withoutAuthority = new KubernetesApi({ ...given, tokenFile: token })
  await t.rejects(withoutAuthority.request(request), /certificate.*\/nowhere\/ca/)
})

t.test('what is no HTTP is a failure as any other', async t => {
  const server = createServer(socket => socket.end('SSH-2.0\r\n'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokenFile = `${t.testdir({ token: 'x' })}/token`
  const api = new KubernetesApi({ server: url, tokenFile, caFile: '' })
  t.teardown(() => api.close())
  const signal = AbortSignal.timeout(5000)
  await t.rejects(api.request({ method: 'GET', path: '/', what: 'it', signal }), /cannot be asked/)
})
