import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fail } from 'node:assert'
import t from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import {
  KubernetesError,
  type KubernetesRequest,
} from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { ListWatch } from '../../../../../src/control/kubernetes/api/list-watch.ts'
import { mockTime } from '../../../../support/mock-time.ts'
import { service, services, until, watchServices } from './watching.ts'

const bare = {
  path: services,
  what: 'Services',
  select: () => true,
  onChange: () => {},
  logger: silentLogger,
  random: () => 0.5,
  now: () => 0,
}

t.test('objects follow the server: those that are there, then each change', async t => {
  const { server, list, objects, changes } = await watchServices(t)
  await list.synced
  t.strictSame(objects(), { 'shop/orders': 80 })
  t.equal(changes(), 1)
  await until(() => server.watching === 1)
  server.put(services, service('payments', 81))
  server.put(services, service('orders', 82))
  await until(() => changes() === 3)
  t.strictSame(objects(), { 'shop/orders': 82, 'shop/payments': 81 })
  server.remove(services, 'shop/orders')
  await until(() => changes() === 4)
  t.strictSame(objects(), { 'shop/payments': 81 })
  const { lastChangeAt, ...status } = list.status
  t.type(lastChangeAt, 'number')
  t.strictSame(status, {
    what: 'Services',
    synced: true,
    objects: 1,
    lists: 1,
    watches: 1,
    failures: 0,
    lastError: undefined,
  })
  const [, watch] = server.requests
  t.match(Object.fromEntries(watch?.query ?? []), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: '101',
    timeoutSeconds: '450',
  })
})

t.test('a change of what is not kept is none', async t => {
  const { server, list, changes, objects } = await watchServices(t)
  await list.synced
  await until(() => server.watching === 1)
  server.put(services, { ...service('orders'), status: { loadBalancer: {} } })
  server.put(services, service('payments', 81))
  await until(() => 'shop/payments' in objects())
  t.equal(changes(), 2)
})

t.test('what the selection leaves out is not kept, and goes when it is left out later', async t => {
  const portOf = (object: object) => (object as ReturnType<typeof service>).spec.ports[0]?.port ?? 0
  const select = (object: object) => (portOf(object) < 100 ? portOf(object) : undefined)
  const prepare = (server: { put: (path: string, object: object) => void }) =>
    server.put(services, service('high', 1000))
  const { server, list, objects } = await watchServices(t, { select, prepare } as never)
  await list.synced
  t.strictSame(objects(), { 'shop/orders': 80 })
  await until(() => server.watching === 1)
  server.put(services, service('orders', 2000))
  await until(() => list.objects.size === 0)
})

t.test('an object that cannot be selected from is left out alone', async t => {
  const { server, list, warnings, objects } = await watchServices(t, {
    prepare: server => server.put(services, { metadata: { name: 'odd', namespace: 'shop' } }),
  })
  await list.synced
  t.strictSame(objects(), { 'shop/orders': 80 })
  t.equal(list.status.failures, 1)
  t.match(warnings, [/Cannot read properties/])
  await until(() => server.watching === 1)
  server.put(services, service('odd', 7))
  await until(() => objects()['shop/odd'] === 7)
})

t.test('selectors narrow the list and the watch', async t => {
  const labelled = (name: string, mesh: string) => ({
    ...service(name),
    metadata: { name, namespace: 'shop', labels: { mesh } },
  })
  const { server, list, objects } = await watchServices(t, {
    labelSelector: 'mesh=on',
    prepare: server => server.put(services, labelled('payments', 'on')),
  })
  await list.synced
  t.strictSame(objects(), { 'shop/payments': 80 })
  await until(() => server.watching === 1)
  server.put(services, labelled('orders', 'on'))
  await until(() => list.objects.size === 2)
  server.put(services, labelled('orders', 'off'))
  await until(() => list.objects.size === 1)
  t.strictSame(objects(), { 'shop/payments': 80 })
})

t.test('many objects come in pages, as they were at one time', async t => {
  const { server, list } = await watchServices(t, {
    prepare: server => {
      for (let i = 0; i < 1200; i++) server.put(services, service(`s${i}`))
    },
  })
  await list.synced
  t.equal(list.objects.size, 1201)
  const lists = server.requests.filter(({ query }) => !query.has('watch'))
  t.equal(lists.length, 3)
  t.ok(lists.every(({ query }) => query.get('limit') === '500'))
})

t.test('a list that expired between two pages is read from the beginning', async t => {
  const { server, list } = await watchServices(t, {
    prepare: server => {
      for (let i = 0; i < 600; i++) server.put(services, service(`s${i}`))
      server.fail(/continue=/, { status: 410, reason: 'Expired' })
    },
  })
  await list.synced
  t.equal(list.objects.size, 601)
  t.equal(list.status.lists, 2)
  t.equal(server.requests.filter(({ query }) => query.has('continue')).length, 2)
})

for (const how of ['end', 'cut', 'half-line'] as const)
  t.test(`a watch that stops (${how}) goes on where it was, without a list`, async t => {
    const { server, list, objects } = await watchServices(t)
    await list.synced
    await until(() => server.watching === 1)
    server.bookmark()
    server.put(services, service('payments', 81))
    await until(() => list.objects.size === 2)
    server.endWatches(how)
    server.put(services, service('payments', 82))
    server.remove(services, 'shop/orders')
    await until(() => list.objects.size === 1)
    t.strictSame(objects(), { 'shop/payments': 82 })
    t.match(list.status, { lists: 1, watches: 2, failures: how === 'end' ? 0 : 1 })
  })

t.test('bookmarks move the version on', async t => {
  const { server, list } = await watchServices(t)
  await list.synced
  await until(() => server.watching === 1)
  server.put('/api/v1/pods', { metadata: { name: 'a', namespace: 'shop' } })
  server.bookmark()
  server.endWatches('end')
  await until(() => list.status.watches === 2 && server.watching === 1)
  t.equal(server.requests.at(-1)?.query.get('resourceVersion'), '102')
})

for (const expiredAs of ['status', 'event'] as const)
  t.test(`a version that is too old (${expiredAs}) means a new list, without flicker`, async t => {
    const { server, list, objects, changes } = await watchServices(t)
    server.expiredAs = expiredAs
    await list.synced
    await until(() => server.watching === 1)
    const sizes = new Set<number>()
    server.fail(/watch=/, 'hang')
    server.endWatches('cut')
    server.put(services, service('payments', 81))
    server.remove(services, 'shop/orders')
    server.store.compact()
    await until(() => server.requests.filter(({ query }) => query.has('watch')).length === 2)
    sizes.add(list.objects.size)
    // Ends the one that hangs.
    await server.down()
    await server.up()
    await until(() => {
      sizes.add(list.objects.size)
      return 'shop/payments' in objects()
    })
    t.strictSame(objects(), { 'shop/payments': 81 })
    t.equal(list.status.lists, 2)
    t.equal(changes(), 2, 'one for the whole list')
    t.strictSame([...sizes], [1])
    server.put(services, service('orders', 83))
    await until(() => list.objects.size === 2)
  })

t.test('a server that was away and has forgotten the version is read again soon', async t => {
  mockTime(t)
  let lists = 0
  const request = async ({ path }: KubernetesRequest) => {
    if (path.includes('limit=500')) lists++
    return { metadata: { resourceVersion: '7' }, items: [] }
  }
  let watches = 0
  // oxlint-disable-next-line require-yield
  const watch = async function* (): AsyncGenerator<unknown> {
    watches++
    throw new KubernetesError('no', watches < 9 ? {} : { status: 410 })
  }
  const list = ListWatch.start({ ...bare, api: { request, watch } })
  while (watches < 9) {
    mock.timers.tick(10_000)
    await nextTurn()
  }
  await nextTurn()
  t.equal(lists, 1)
  mock.timers.tick(500)
  await nextTurn()
  t.equal(lists, 2)
  await list.close()
})

t.test('too much to do is waited for, as long as the server asks', async t => {
  const { server, list, warnings } = await watchServices(t, {
    prepare: server => server.fail(/limit=/, { status: 429, retryAfter: '0.2' }),
  })
  const begun = performance.now()
  await list.synced
  t.ok(performance.now() - begun >= 190)
  t.match(warnings, [/too much to do/])
  t.equal(server.requests.length, 2)
})

t.test('a server that asks for a day is asked again after a minute', async t => {
  mockTime(t)
  let requests = 0
  const request = async (): Promise<never> => {
    requests++
    throw new KubernetesError('busy', { status: 429, retryAfterMs: 86_400_000 })
  }
  const list = ListWatch.start({
    ...bare,
    api: { request, watch: () => fail() },
  })
  await until(() => list.status.failures === 1)
  await nextTurn()
  mock.timers.tick(59_999)
  await nextTurn()
  t.equal(requests, 1)
  mock.timers.tick(1)
  await until(() => requests === 2)
  await list.close()
})

t.test('failures of all kinds are got over, and only counted', async t => {
  const { server, list, objects, warnings } = await watchServices(t, {
    watchSilenceMs: 50,
    prepare: server =>
      server.fail(/limit=500/, { status: 500 }, 'die', { text: '<html>' }, { text: '{}' }),
  })
  await list.synced
  t.equal(list.status.failures, 4)
  await until(() => server.watching === 1)
  const faults = [
    { status: 500 },
    { status: 429 },
    { text: '<html>\n' },
    { text: '{"type":"ADDED","object":{}}\n' },
    { text: '{"type":"ADDED","object":{"metadata":{"resourceVersion":"900"}}}\n' },
    { text: '{"type":"SUBTRACTED","object":{"metadata":{"resourceVersion":"900"}}}\n' },
    { text: 'null\n' },
    { text: '{"type":"ADD', cut: true },
    { status: 500, asEvent: true },
    'die',
    'silence',
    'endless',
  ] as const
  server.fail(/watch=/, ...faults)
  server.endWatches('cut')
  await until(() => server.watching === 1 && list.status.watches > faults.length)
  server.put(services, service('payments', 81))
  await until(() => list.objects.size === 2)
  t.strictSame(objects(), { 'shop/orders': 80, 'shop/payments': 81 })
  t.ok(list.status.failures >= 4 + faults.length)
  t.equal(list.status.lastError, undefined)
  t.match(
    warnings.join('\n'),
    /is not JSON[^]*is none, or has no metadata[^]*more than 8388608 bytes/,
  )
})

t.test('an event that no watch gets past is gone around by a list', async t => {
  const { server, list } = await watchServices(t)
  await list.synced
  await until(() => server.watching === 1)
  server.bookmark()
  server.tell('{"type":"ADDED"}\n')
  server.fail(/watch=/, { text: '{"type":"ADDED"}\n' })
  await until(() => list.status.lists === 2 && server.watching === 1)
  t.match(list.status, { watches: 3, failures: 2 })
})

t.test('a silent watch is cut and begun again where it was', async t => {
  const { server, list } = await watchServices(t, { watchSilenceMs: 30 })
  await list.synced
  await until(() => list.status.watches >= 3)
  t.equal(list.status.lists, 1)
  t.match(list.status.lastError, /did not answer in time/)
  server.put(services, service('payments', 81))
  await until(() => list.objects.size === 2)
})

t.test('where nothing happens silence is no failure', async t => {
  const timing = { backoffBaseMs: 2, backoffMaxMs: 10, steadyMs: 0 }
  const { server, list, warnings } = await watchServices(t, { watchSilenceMs: 30, timing })
  await list.synced
  await until(() => list.status.watches >= 3)
  t.match(list.status, { lists: 1, failures: 0, lastError: undefined })
  t.strictSame(warnings, [])
  t.equal(
    server.requests.filter(({ query }) => query.get('limit') === '1').length,
    2,
    'the server is asked whether it was set back meanwhile',
  )
})

t.test('objects stay while the server is away, and follow when it is back', async t => {
  const { server, list, objects } = await watchServices(t)
  await list.synced
  await until(() => server.watching === 1)
  await server.down()
  const { failures } = list.status
  await until(() => list.status.failures > failures + 3)
  t.strictSame(objects(), { 'shop/orders': 80 })
  t.match(list.status.lastError, /ECONNREFUSED/)
  server.put(services, service('payments', 81))
  await server.up()
  await until(() => list.objects.size === 2)
  t.equal(list.status.lists, 1)
})

t.test('a server that was set back to an older version is read again', async t => {
  const { server, list, objects } = await watchServices(t)
  await list.synced
  await until(() => server.watching === 1)
  const backup = server.store.save()
  server.put(services, service('payments', 81))
  server.put(services, service('payments', 82))
  await until(() => objects()['shop/payments'] === 82)
  server.store.restore(backup)
  server.endWatches('cut')
  await until(() => list.objects.size === 1)
  t.equal(list.status.lists, 2)
  await until(() => server.watching === 1)
  // The version that `payments` had before.
  server.put(services, service('refunds', 7))
  await until(() => list.objects.size === 2)
  t.strictSame(objects(), { 'shop/orders': 80, 'shop/refunds': 7 })
})

for (const asEvent of [false, true])
  t.test(`a version of the future ${asEvent ? 'in an event' : ''} means a list`, async t => {
    const { server, list } = await watchServices(t)
    await list.synced
    await until(() => server.watching === 1)
    const details = { causes: [{ reason: 'ResourceVersionTooLarge' }], retryAfterSeconds: 0.01 }
    server.fail(/watch=/, { status: 504, reason: 'Timeout', details, asEvent })
    server.endWatches('end')
    await until(() => list.status.lists === 2 && server.watching === 1)
    t.equal(list.status.watches, 3)
  })

t.test('a kind that is not installed counts as none, and is found later', async t => {
  const absent = 'services.'
  const { server, list, warnings, changes } = await watchServices(t, {
    optional: true,
    prepare: server => server.absent.add(absent),
  })
  await list.synced
  t.match(list.status, { synced: true, objects: 0, failures: 0, lastError: undefined })
  server.absent.delete(absent)
  await until(() => list.objects.size === 1)
  server.absent.add(absent)
  server.endWatches('end')
  await until(() => list.objects.size === 0)
  t.equal(changes(), 2)
  t.strictSame(warnings, [])
})

t.test('a kind that has to be there is asked for until it is', async t => {
  const { list, server, warnings } = await watchServices(t, {
    prepare: server => server.absent.add('services.'),
  })
  await until(() => list.status.failures > 2)
  t.equal(list.status.synced, false)
  t.equal(warnings.length, 1, 'the same is not said again and again')
  server.absent.clear()
  await list.synced
})

t.test('a permission that is missing is named', async t => {
  const { list } = await watchServices(t, {
    prepare: server => server.fail(/./, { status: 403, message: 'services is forbidden' }),
  })
  await until(() => list.status.failures === 1)
  t.equal(
    list.status.lastError,
    'the control plane may not list Services: give its service account the verb list on services (API group ""): services is forbidden',
  )
})

t.test('watches that end at once are not begun without a pause', async t => {
  const { list, server } = await watchServices(t, {
    prepare: server => server.fail(/watch=/, { text: '' }, { text: '' }),
  })
  await list.synced
  await until(() => server.watching === 1)
  t.equal(list.status.failures, 2)
  t.equal(list.status.lists, 1)
})

t.test('closing ends what is under way', async t => {
  const { list, server } = await watchServices(t, {
    prepare: server => server.fail(/limit=/, 'hang'),
  })
  await until(() => server.requests.length === 1)
  await list.close()
  await t.rejects(list.synced, /closed before the first list of Services/)
  t.equal(list.status.failures, 0)
})
