import t, { type Test } from 'tap'
import { silentLogger } from '../../../../../src/base/log.ts'
import { StatusWriter } from '../../../../../src/control/kubernetes/status/status-writer.ts'
import { KubernetesError } from '../../../../../src/control/kubernetes/api/kubernetes-api.ts'
import { watchedKinds } from '../../../../../src/control/kubernetes/source/watched-kinds.ts'
import type { StatusUpdate } from '../../../../../src/control/kubernetes/status/status-updates.ts'
import type { FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'
import { clientOf, until } from '../api/watching.ts'
import { followCluster, paths, route, service } from '../source/cluster.ts'

/** A writer of what a source knows of a fake API server, with one Service and the given objects. */
async function write(t: Test, prepare: (server: FakeApiServer) => void, changes: object = {}) {
  const { server, source } = await followCluster(t, {
    prepare: fake => {
      fake.put(paths.services, service('orders'))
      prepare(fake)
    },
  })
  await source.load()
  await until(() => server.watching === Object.keys(watchedKinds).length + 2)
  const warnings: string[] = []
  const warn = (fields: object, text: string): void =>
    void warnings.push(`${text} ${(fields as { error: Error }).error.message}`)
  const writer = StatusWriter.start({
    api: await clientOf(t, server),
    leader: { isLeader: true },
    updates: () => source.statusUpdates(),
    logger: { ...silentLogger, warn },
    now: () => Date.parse('2026-03-03T03:03:03.456Z'),
    random: () => 0,
    gapMs: 0,
    failureBackoff: { baseMs: 2, maxMs: 4 },
    ...changes,
  })
  t.teardown(() => writer.close())
  source.onObjectsChange(() => writer.changed())
  const parents = (name: string): unknown =>
    (server.find(paths.httpRoutes, `shop/${name}`)?.status as { parents?: unknown })?.parents
  const patches = () => server.requests.filter(({ method }) => method === 'PATCH')
  return { server, source, writer, warnings, parents, patches }
}

const accepted = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'holds for all callers',
  observedGeneration: 1,
  lastTransitionTime: '2026-03-03T03:03:03Z',
}

t.test('a route is told what became of it, once', async t => {
  const { server, writer, parents, patches, source } = await write(t, fake =>
    fake.put(paths.httpRoutes, route('canary')),
  )
  await until(() => parents('canary') !== undefined)
  t.match(parents('canary'), [
    {
      parentRef: { group: '', kind: 'Service', name: 'orders' },
      controllerName: 'weft.dev/controller',
      conditions: [accepted, { type: 'ResolvedRefs', status: 'True' }],
    },
  ])
  t.match(patches(), [
    {
      path: '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/canary/status',
      contentType: 'application/merge-patch+json',
    },
  ])
  await until(() => source.statusUpdates().length === 0)
  // What it hears of its own writing changes nothing.
  server.put(paths.httpRoutes, route('other'))
  await until(() => parents('other') !== undefined)
  await until(() => source.statusUpdates().length === 0)
  t.equal(patches().length, 2)
  t.equal(writer.counters.written, 2)
})

t.test('the word changes with what it is about', async t => {
  const { server, parents } = await write(t, fake => {
    const backendRefs = [{ group: '', kind: 'Service', name: 'later', port: 80 }]
    fake.put(paths.httpRoutes, route('canary', { rules: [{ backendRefs }] }))
  })
  const resolved = () =>
    (parents('canary') as { conditions: { reason: string }[] }[] | undefined)?.[0]?.conditions[1]
  await until(() => resolved()?.reason === 'BackendNotFound')
  server.put(paths.services, service('later'))
  await until(() => resolved()?.reason === 'ResolvedRefs')
  server.remove(paths.services, 'shop/later')
  await until(() => resolved()?.reason === 'BackendNotFound')
})

t.test('a route that is for a Gateway from now on loses what was said of it here', async t => {
  const { server, parents } = await write(t, fake => fake.put(paths.httpRoutes, route('canary')))
  await until(() => parents('canary') !== undefined)
  const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'edge' }
  const { status } = server.find(paths.httpRoutes, 'shop/canary') ?? {}
  server.put(paths.httpRoutes, { ...route('canary', { parentRefs: [gateway] }), status })
  await until(() => (parents('canary') as unknown[]).length === 0)
})

t.test('objects of weft.dev have a condition', async t => {
  const { server } = await write(t, fake => {
    const policy = (name: string, connectTimeout: string) => ({
      metadata: { name, namespace: 'shop' },
      spec: { targetRef: { kind: 'Service', name: 'orders' }, connectTimeout },
    })
    fake.put(paths.policies, policy('good', '1s'))
    fake.put(paths.policies, policy('bad', 'soon'))
  })
  const status = (name: string) => server.find(paths.policies, `shop/${name}`)?.status
  await until(() => status('good') !== undefined && status('bad') !== undefined)
  t.match(status('good'), { conditions: [{ type: 'Accepted', status: 'True' }] })
  t.match(status('bad'), {
    conditions: [
      { status: 'False', reason: 'Invalid', message: /^spec.connectTimeout: "soon" is no/ },
    ],
  })
})

/** A writer of these updates, one list for each round, whose API answers as the test says. */
function writeTo(
  t: Test,
  answer: (method: string, leader: { isLeader: boolean }) => unknown,
  rounds: StatusUpdate[][],
) {
  const methods: string[] = []
  const leader = { isLeader: true }
  let round = 0
  const writer = StatusWriter.start({
    api: {
      request: async ({ method }) => {
        methods.push(method)
        return answer(method, leader)
      },
    },
    leader,
    updates: () => rounds[round++] ?? [],
    logger: silentLogger,
    now: () => 0,
    random: () => 0,
    gapMs: 0,
  })
  t.teardown(() => writer.close())
  return { writer, leader, methods, rounds: () => round }
}

function updateOf(generation: number): StatusUpdate {
  const verdict = { type: 'Accepted', status: 'True', reason: 'A', message: 'm' } as const
  const path = '/apis/weft.dev/v1alpha1/namespaces/shop/trafficpolicies/orders'
  const title = 'TrafficPolicy shop/orders'
  return {
    target: { title, path, generation, resourceVersion: '1', status: {} },
    own: { conditions: [verdict] },
  }
}

t.test('only the leader writes, and it begins when it has become it', async t => {
  const follower = { isLeader: false }
  const { parents, patches, writer, source } = await write(
    t,
    fake => fake.put(paths.httpRoutes, route('canary')),
    { leader: follower },
  )
  t.equal(source.statusUpdates().length, 1)
  follower.isLeader = true
  t.equal(patches().length, 0)
  writer.changed()
  await until(() => parents('canary') !== undefined)
})

t.test('who leads no more stops in the middle of a round', async t => {
  const depose = (_method: string, leader: { isLeader: boolean }) => (leader.isLeader = false)
  const updates = [updateOf(1), updateOf(2), updateOf(3)]
  const { writer, methods, rounds } = writeTo(t, depose, [updates])
  await until(() => writer.counters.written > 0)
  writer.changed()
  await writer.close()
  t.same(methods, ['PATCH'])
  t.equal(rounds(), 1)
})

t.test('a follower asks for nothing', async t => {
  const { writer, leader, rounds } = writeTo(t, () => ({}), [])
  await until(() => rounds() === 1)
  leader.isLeader = false
  writer.changed()
  await writer.close()
  t.equal(rounds(), 1)
})

t.test('who was overtaken reads the object again, and loses no word of others', async t => {
  const others = {
    controllerName: 'example.org/gateway',
    parentRef: { name: 'edge' },
    conditions: [],
  }
  const { server, writer, parents } = await write(t, fake => {
    fake.put(paths.httpRoutes, route('canary'))
    fake.fail(/^PATCH/, { status: 409, reason: 'Conflict' })
    fake.fail(/^GET .*httproutes\/canary$/, 'die')
  })
  await until(() => writer.counters.failures === 1)
  server.put(paths.httpRoutes, { ...route('canary'), status: { parents: [others] } })
  await until(() => (parents('canary') as unknown[] | undefined)?.length === 2)
  t.match(parents('canary'), [others, { controllerName: 'weft.dev/controller' }])
  t.ok(writer.counters.conflicts >= 1)
})

t.test('what has changed meanwhile is not written of the old one', async t => {
  const answer = (method: string): unknown => {
    if (method === 'PATCH') throw new KubernetesError('conflict', { status: 409 })
    return { metadata: { generation: 8, resourceVersion: '9' } }
  }
  const { writer, methods, rounds } = writeTo(t, answer, [[updateOf(7)]])
  writer.changed()
  await until(() => rounds() === 2)
  t.same(methods, ['PATCH', 'GET'])
  t.match(writer.counters, { conflicts: 1, written: 0, failures: 0, refused: 0 })
})

t.test('an object that changes without end is tried again later', async t => {
  const answer = (method: string): unknown => {
    if (method === 'PATCH') throw new KubernetesError('conflict', { status: 409 })
    return { metadata: { generation: 7, resourceVersion: '9' } }
  }
  const { writer, methods } = writeTo(t, answer, [[updateOf(7)]])
  await until(() => writer.counters.failures === 1)
  t.equal(methods.length, 8)
})

t.test(
  'a server in trouble is left alone for as long as it asks, and then all is written',
  async t => {
    const { server, writer, parents, warnings } = await write(t, fake => {
      for (const name of ['a', 'b', 'c']) fake.put(paths.httpRoutes, route(name))
      fake.fail(/^PATCH/, { status: 429, retryAfter: '1' }, { status: 500 }, 'die')
    })
    const startedAt = performance.now()
    await until(() => ['a', 'b', 'c'].every(name => parents(name) !== undefined))
    t.ok(performance.now() - startedAt > 900)
    t.equal(writer.counters.failures, 3)
    t.equal(warnings.length, 3)
    t.equal(server.requests.filter(({ method }) => method === 'PATCH').length, 6)
  },
)

t.test('what is refused is not asked again and again, and hinders no other', async t => {
  const { writer, parents, patches, warnings } = await write(
    t,
    fake => {
      for (const name of ['a', 'b']) fake.put(paths.httpRoutes, route(name))
      fake.fail(/^PATCH .*\/a\/status/, { status: 403, reason: 'Forbidden', message: 'no' })
    },
    { refusedMs: 300 },
  )
  await until(() => parents('b') !== undefined)
  writer.changed()
  writer.changed()
  await until(() => writer.counters.written === 1)
  t.equal(writer.counters.refused, 1)
  t.match(warnings, [/could not be written .*httproutes\/status/])
  // In time it is tried again: somebody may have given the right.
  await until(() => parents('a') !== undefined)
  t.equal(patches().length, 3)
})

t.test('closing ends what is under way', async t => {
  const { writer, server } = await write(t, fake => {
    fake.put(paths.httpRoutes, route('canary'))
    fake.fail(/^PATCH/, 'hang')
  })
  await until(() => server.requests.some(({ method }) => method === 'PATCH'))
  await writer.close()
  writer.changed()
  t.equal(writer.counters.written, 0)
  t.equal(writer.counters.failures, 0)
})
