import t, { type Test } from 'tap'
import { HeaderList } from '../../../../../src/http/headers.ts'
import type { SessionPersistence } from '../../../../../src/model/policy/session-persistence.ts'
import { SessionFilter } from '../../../../../src/proxy/routing/session/session-filter.ts'
import { ActiveCluster } from '../../../../../src/proxy/upstream/cluster.ts'
import type { ConnectionPool } from '../../../../../src/proxy/upstream/connection-pool.ts'
import { clusterPolicy, endpointAt } from '../../../../support/policies.ts'
import { responseHead } from '../../../../support/requests.ts'
import { routedExchange } from '../../../../support/routing.ts'

const start = 1_700_000_000_000

function setUp(t: Test, changes: Partial<SessionPersistence> = {}) {
  const environment = {
    pools: { lend: () => ({}) as ConnectionPool, giveBack: () => {} },
    now: () => 0,
    random: () => 0,
  }
  const clusterOf = (name: string) =>
    new ActiveCluster(clusterPolicy({ name }), [endpointAt(8001), endpointAt(8002)], environment)
  const backends = ['v1', 'v2'].map((name, index) => ({
    cluster: clusterOf(name),
    weight: index,
  }))
  t.teardown(() => backends.forEach(({ cluster }) => cluster.close()))
  const clock = { now: start }
  const filter = new SessionFilter({
    session: { type: 'cookie', name: 's', path: '/a', key: 'a2V5', ...changes },
    route: 'shop/orders/0',
    backends,
    wallNow: () => clock.now,
  })
  /** Served where the session says, else by the first endpoint of v2. @returns what the client is told. */
  const ask = (fields: Readonly<Record<string, string>>, served?: string) => {
    const { exchange } = routedExchange({ headers: HeaderList.of(fields) })
    const backend = filter.begin(exchange)
    const endpoint = exchange.session?.take()
    exchange.cluster = backend?.cluster ?? backends[1]?.cluster
    const endpointId = served ?? endpoint?.endpoint.id ?? '127.0.0.1:8001'
    exchange.attempt = { endpointId } as NonNullable<typeof exchange.attempt>
    const { headers } = responseHead(200)
    filter.onResponse(exchange, responseHead(200, { headers }))
    const told = headers.get('set-cookie') ?? headers.get('s')
    return { told, backend: backend?.cluster.name, endpoint: endpoint?.endpoint.id }
  }
  const endpointOf = (cluster: number, index: number) =>
    backends[cluster]?.cluster.endpoints[index] ?? Object(undefined)
  return { ask, clock, endpointOf, filter, backends }
}

function cookieIn(told: string | undefined): string {
  return told?.split(';', 1)[0] ?? ''
}

t.test('a client is told once where it was served, and comes back there', async t => {
  const { ask } = setUp(t)
  const first = ask({}, '127.0.0.1:8002')
  t.match(first.told, /^s=[\w-]{43}; Path=\/a; HttpOnly; SameSite=Lax$/)
  const cookie = `x=1; ${cookieIn(first.told)}; y=2`
  t.same(ask({ cookie }), { told: undefined, backend: 'v2', endpoint: '127.0.0.1:8002' })
})

t.test('a backend of weight 0 keeps the sessions that it has', async t => {
  const { ask } = setUp(t)
  const { told } = ask({ cookie: cookieIn(ask({}).told) })
  t.equal(told, undefined)
})

t.test('an endpoint that may not serve is left, and the cookie replaced', async t => {
  const { ask, endpointOf } = setUp(t)
  const cookie = cookieIn(ask({}, '127.0.0.1:8002').told)
  endpointOf(1, 1).healthy = false
  const answer = ask({ cookie })
  t.match(answer, { backend: undefined, endpoint: undefined, told: /^s=/ })
  t.not(cookieIn(answer.told), cookie)
})

t.test('where another try went elsewhere the client is told so', async t => {
  const { ask } = setUp(t)
  const cookie = cookieIn(ask({}, '127.0.0.1:8001').told)
  t.match(ask({ cookie }, '127.0.0.1:8002').told, /^s=/)
})

t.test('a forged cookie is as good as none', async t => {
  const { ask } = setUp(t)
  const cookie = cookieIn(ask({}).told)
  const forged = cookie.replace(/.$/, last => (last === 'A' ? 'E' : 'A'))
  t.match(ask({ cookie: forged }), { backend: undefined, told: /^s=/ })
})

t.test('a session ends after its absolute timeout, used or not', async t => {
  const { ask, clock } = setUp(t, { absoluteTimeoutMs: 60_000 })
  const cookie = cookieIn(ask({}).told)
  clock.now = start + 59_000
  t.match(ask({ cookie }), { backend: 'v2', told: undefined })
  clock.now = start + 60_000
  t.match(ask({ cookie }), { backend: undefined, told: /^s=/ })
})

t.test('and when it is idle; an answer in time keeps it', async t => {
  const { ask, clock } = setUp(t, { idleTimeoutMs: 60_000 })
  const cookie = cookieIn(ask({}).told)
  clock.now = start + 5000
  t.equal(ask({ cookie }).told, undefined, 'it is fresh')
  clock.now = start + 59_000
  const renewed = cookieIn(ask({ cookie }).told)
  clock.now = start + 70_000
  t.match(ask({ cookie }), { backend: undefined })
  t.match(ask({ cookie: renewed }), { backend: 'v2' })
})

t.test('a permanent cookie lives as long as its session', async t => {
  const { ask, clock } = setUp(t, {
    absoluteTimeoutMs: 100_000,
    idleTimeoutMs: 50_000,
    permanent: true,
  })
  const { told } = ask({})
  t.match(told, /; Path=\/a; Max-Age=100; /)
  clock.now = start + 40_000
  t.match(ask({ cookie: cookieIn(told) }).told, /; Max-Age=60; /)
})

t.test('a header carries the session as well', async t => {
  const { ask } = setUp(t, { type: 'header' })
  const { told = '' } = ask({}, '127.0.0.1:8002')
  t.match(told, /^[\w-]{43}$/)
  t.match(ask({ s: told }), { endpoint: '127.0.0.1:8002', told: undefined })
})

t.test(
  'endpoints that come without a snapshot have sessions, and those that go lose them',
  async t => {
    const { ask, backends } = setUp(t)
    const v2 = backends[1]?.cluster
    const gone = cookieIn(ask({}, '127.0.0.1:8002').told)
    t.match(ask({ cookie: gone }), { endpoint: '127.0.0.1:8002' })
    v2?.update(v2.policy, [endpointAt(8001), endpointAt(8003)])
    t.match(ask({ cookie: gone }), { backend: undefined, endpoint: undefined })
    const come = cookieIn(ask({}, '127.0.0.1:8003').told)
    t.match(ask({ cookie: come }), { endpoint: '127.0.0.1:8003' })
  },
)

t.test('who has waited while his endpoint went is not sent there', async t => {
  const { ask, backends, filter } = setUp(t)
  const cookie = cookieIn(ask({}, '127.0.0.1:8002').told)
  const { exchange } = routedExchange({ headers: HeaderList.of({ cookie }) })
  t.equal(filter.begin(exchange)?.cluster.name, 'v2')
  const v2 = backends[1]?.cluster
  v2?.update(v2.policy, [endpointAt(8001)])
  t.equal(exchange.session?.take(), undefined)
})
