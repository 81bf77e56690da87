import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { ExchangeError } from '../../../../../src/base/errors.ts'
import { HeaderList } from '../../../../../src/http/headers.ts'
import type { RequestHead } from '../../../../../src/http/message.ts'
import { unknownLength } from '../../../../../src/http/message.ts'
import { MirrorFilter } from '../../../../../src/proxy/routing/mirroring/mirror-filter.ts'
import { ActiveCluster } from '../../../../../src/proxy/upstream/cluster.ts'
import { ConnectionPool } from '../../../../../src/proxy/upstream/connection-pool.ts'
import { FakeClientConnection } from '../../../../support/fake-streams.ts'
import { mockTime } from '../../../../support/mock-time.ts'
import { clusterPolicy, endpointAt } from '../../../../support/policies.ts'
import { responseHead } from '../../../../support/requests.ts'
import { routedExchange } from '../../../../support/routing.ts'

t.beforeEach(mockTime)

interface SetUp {
  readonly ratio?: number
  readonly random?: () => number
  readonly endpoints?: number
  readonly isUnreachable?: boolean
}

function setUp(t: Test, options: SetUp = {}) {
  const { ratio = 1, random = () => 0, endpoints = 1, isUnreachable = false } = options
  const connection = new FakeClientConnection()
  const dialed = Promise.withResolvers<void>()
  const pool = new ConnectionPool({
    name: 'mirror',
    maxConnections: 1,
    maxPending: 10,
    growAt: 100,
    dial: async () => {
      await dialed.promise
      if (isUnreachable) throw new ExchangeError('connect_failed', 'nobody listens')
      return connection
    },
  })
  const mesh = { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/shadow' }
  const cluster = new ActiveCluster(
    clusterPolicy({ name: 'shadow.default:80' }),
    Array.from({ length: endpoints }, () => endpointAt(8001, { mesh })),
    { pools: { lend: () => pool, giveBack: () => {} }, now: () => 0, random: () => 0 },
  )
  t.teardown(() => cluster.close())
  const filter = new MirrorFilter({ cluster, ratio, now: () => 0, random })
  const send = (changes: Partial<RequestHead> = {}) => {
    const routed = routedExchange(changes)
    t.ok(filter.onRequest(routed.exchange))
    return routed
  }
  const connect = async () => {
    dialed.resolve()
    // The pool hears of it by a promise.
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
  return { send, connect, connection, cluster, filter, ended: cluster.mirrors.ended }
}

t.test(
  'a copy goes out as the request was, to its own endpoint, and its answer is forgotten',
  async t => {
    const { send, connect, connection, cluster, ended } = setUp(t)
    const { exchange, stream } = send({ path: '/a', headers: HeaderList.of({ 'x-a': '1' }) })
    exchange.request.headers.set('x-a', 'changed later')
    await connect()
    const [copy] = connection.streams
    t.match(copy?.head, { path: '/a', method: 'GET' })
    t.equal(copy?.head.headers.get('x-a'), '1')
    t.equal(copy?.head.headers.get('x-weft-port'), '8001')
    t.notOk(exchange.request.headers.has('x-weft-port'))
    copy?.receiver.onHead(responseHead(500), false)
    copy?.receiver.onBody(Buffer.from('oops'))
    copy?.receiver.onEnd(undefined)
    t.same(stream.heads, [])
    t.match(ended, { answered: 1, failed: 0 })
    t.equal(cluster.endpoints[0]?.active, 0)
    t.equal(cluster.endpoints[0]?.failures, 0, 'it does not count against the endpoint')
  },
)

t.test('the body is copied as it comes, and kept until there is a connection', async t => {
  const { send, connect, connection } = setUp(t)
  const { exchange, stream } = send({ method: 'POST', bodyLength: unknownLength })
  const chunk = Buffer.from('one ')
  exchange.onBody(chunk)
  chunk.fill('x')
  await connect()
  const [copy] = connection.streams
  t.equal(copy?.body, 'one ')
  exchange.onBody(Buffer.from('two'))
  exchange.onEnd(undefined)
  t.equal(copy?.body, 'one two')
  t.ok(copy?.ended)
  t.notOk(stream.paused)
})

t.test('a mirror that takes the body too slowly is given up, and the original goes on', async t => {
  const { send, connect, connection, ended } = setUp(t)
  const { exchange, stream } = send({ method: 'POST', bodyLength: unknownLength })
  await connect()
  const [copy] = connection.streams
  if (copy !== undefined) copy.writable = false
  exchange.onBody(Buffer.alloc(1000))
  exchange.onBody(Buffer.alloc(64 * 1024))
  t.equal(copy?.resetWith, undefined, 'so much may wait')
  exchange.onBody(Buffer.alloc(1))
  t.equal(copy?.resetWith?.code, 'overloaded')
  t.match(ended, { overflow: 1 })
  t.equal(stream.resetWith, undefined)
  exchange.onBody(Buffer.alloc(1000))
  t.notOk(exchange.completed)
})

t.test('what waited goes out when the mirror takes bytes again', async t => {
  const { send, connect, connection } = setUp(t)
  const { exchange } = send({ method: 'POST', bodyLength: unknownLength })
  await connect()
  const [copy] = connection.streams
  if (copy !== undefined) copy.writable = false
  exchange.onBody(Buffer.from('a'))
  exchange.onBody(Buffer.from('b'))
  exchange.onEnd(undefined)
  t.equal(copy?.body, 'a')
  t.notOk(copy?.ended)
  if (copy !== undefined) copy.writable = true
  copy?.receiver.onWritable()
  t.equal(copy?.body, 'ab')
  t.ok(copy?.ended)
})

t.test('a request that ends early takes its copy with it', async t => {
  const { send, connect, connection, ended } = setUp(t)
  const { exchange } = send({ method: 'POST', bodyLength: 10 })
  await connect()
  exchange.onReset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(connection.streams[0]?.resetWith?.code, 'downstream_closed')
  t.match(ended, { failed: 1 })
})

t.test('a copy that is whole outlives its original', async t => {
  const { send, connect, connection, ended } = setUp(t)
  const { exchange } = send()
  exchange.onReset(new ExchangeError('downstream_closed', 'gone'))
  await connect()
  connection.streams[0]?.receiver.onHead(responseHead(204), true)
  t.match(ended, { answered: 1 })
})

t.test('a mirror that answers before it has read all is not sent the rest', async t => {
  const { send, connect, connection, ended } = setUp(t)
  const { exchange } = send({ method: 'POST', bodyLength: 10 })
  await connect()
  const [copy] = connection.streams
  copy?.receiver.onHead(responseHead(413), true)
  t.match(ended, { answered: 1 })
  t.equal(copy?.resetWith?.code, 'upstream_closed')
  exchange.onBody(Buffer.from('more'))
  t.equal(copy?.body, '')
})

t.test('nobody is told of a mirror that cannot be reached, or is silent', async t => {
  const { send, connect, ended } = setUp(t, { isUnreachable: true })
  const { stream } = send()
  await connect()
  t.match(ended, { failed: 1 })
  t.same(stream.heads, [])
  const silent = setUp(t)
  silent.send()
  await silent.connect()
  mock.timers.tick(60_000)
  t.match(silent.ended, { failed: 1 })
  t.equal(silent.connection.streams[0]?.resetWith?.code, 'upstream_timeout')
})

t.test('without an endpoint, or with too many copies under way, there is none', async t => {
  const { send, ended } = setUp(t, { endpoints: 0 })
  send()
  t.match(ended, { dropped: 1 })
  const busy = setUp(t)
  busy.cluster.mirrors.active = 1024
  busy.send()
  t.match(busy.ended, { dropped: 1 })
})

t.test('a share of the requests is copied, and no tunnel', async t => {
  let drawn = 0
  const { send, cluster } = setUp(t, { ratio: 0.25, random: () => drawn })
  for (drawn of [0, 0.24, 0.25, 0.9]) send()
  t.equal(cluster.mirrors.active, 2)
  drawn = 0
  send({ method: 'CONNECT' })
  send({ upgrade: 'websocket' })
  t.equal(cluster.mirrors.active, 2)
})

t.test('an application that speaks no HTTP/2 gets its copy by HTTP/1.1', async t => {
  const connection = new FakeClientConnection()
  const poolOf = (protocol: string) =>
    new ConnectionPool({
      name: protocol,
      maxConnections: 1,
      maxPending: 10,
      dial: async () => {
        if (protocol === 'h2') throw new ExchangeError('upstream_protocol', 'no HTTP/2')
        return connection
      },
    })
  const pools = { h2: poolOf('h2'), 'http/1.1': poolOf('http/1.1'), tcp: poolOf('tcp') }
  const cluster = new ActiveCluster(clusterPolicy(), [endpointAt(8001)], {
    pools: { lend: (_endpoint, _cluster, protocol) => pools[protocol], giveBack: () => {} },
    now: () => 0,
    random: () => 0,
  })
  t.teardown(() => cluster.close())
  const filter = new MirrorFilter({ cluster, ratio: 1, now: () => 0, random: () => 0 })
  filter.onRequest(routedExchange({ version: '2' }).exchange)
  for (let i = 0; i < 20; i++) await Promise.resolve()
  t.equal(connection.streams.length, 1)
  t.match(cluster.mirrors, { active: 1, ended: { failed: 0 } })
})

t.test('what came of a body while a plugin was waited for is copied too', async t => {
  const { connect, connection, filter } = setUp(t)
  for (const isWhole of [false, true]) {
    const { exchange } = routedExchange({ method: 'POST', bodyLength: 8 })
    exchange.onBody(Buffer.from('one '))
    if (isWhole) {
      exchange.onBody(Buffer.from('two.'))
      exchange.onEnd(undefined)
    }
    filter.onRequest(exchange)
    if (!isWhole) {
      exchange.onBody(Buffer.from('two.'))
      exchange.onEnd(undefined)
    }
  }
  await connect()
  t.match(connection.streams, [
    { body: 'one two.', ended: true },
    { body: 'one two.', ended: true },
  ])
})
