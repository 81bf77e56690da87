import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { Forwarder } from '../../../../src/proxy/exchange/forwarder.ts'
import { Activator, type ActivatorOptions } from '../../../../src/proxy/functions/activator.ts'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'
import { FakeClientConnection, FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'
import { responseHead } from '../../../support/requests.ts'

t.beforeEach(t => mockTime(t, ['setTimeout', 'setInterval']))

const echo = 'echo.default'

interface SetUp extends Partial<ActivatorOptions> {
  /** Of the route. */
  readonly deadlineMs?: number
  readonly link?: 'ready' | 'away' | 'unsupported'
}

/** A cluster without endpoints, of a function that can be started. */
function setUp(t: Test, { deadlineMs, link = 'ready', ...options }: SetUp = {}) {
  const clock = { now: 0 }
  const now = () => clock.now
  const connection = new FakeClientConnection()
  const pools = {
    lend: () =>
      new ConnectionPool({
        name: 'echo',
        maxConnections: 1,
        maxPending: 1000,
        growAt: 1000,
        dial: async () => connection,
      }),
    giveBack: (pool: ConnectionPool) => pool.close(),
  }
  const policy = clusterPolicy({ name: `${echo}.fn:80`, activates: echo })
  const cluster = new ActiveCluster(policy, [], { pools, now, random: () => 0 })
  const asked: [string, number][] = []
  const activator = new Activator({
    activate: (name, waiting) => asked.push([name, waiting]),
    now,
    ...options,
  })
  activator.take({ type: 'link', state: link })
  t.teardown(() => {
    activator.close()
    cluster.close()
  })
  const forwarder = new Forwarder(() => 0, activator)
  const route = {
    name: 'default',
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: deadlineMs,
    retry: { attempts: 2, statuses: [], backoffMs: 0 },
  }
  const router = {
    onRequest: (exchange: { route: unknown; cluster: unknown }) => {
      exchange.route = route
      exchange.cluster = cluster
      return true
    },
  }
  const chain = new Chain({ filters: [router, forwarder], terminal: forwarder.forward, now })
  const send = (changes: Partial<RequestHead> = {}): FakeServerStream => {
    const stream = new FakeServerStream(changes)
    chain.handle(stream)
    return stream
  }
  const apply = (...ports: number[]): void => {
    cluster.update(
      policy,
      ports.map(port => endpointAt(port)),
    )
    activator.applied(new Map([[cluster.name, cluster]]))
  }
  const pass = (ms: number): void => {
    clock.now += ms
    mock.timers.tick(ms)
  }
  return { activator, cluster, connection, asked, send, apply, pass }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

function failureOf(stream: FakeServerStream): string {
  const [head] = stream.heads
  return head === undefined
    ? ''
    : `${head.status} ${head.headers.get('x-weft-reason')} ${stream.body}`
}

t.test('the first request asks at once, and those after it do not', async t => {
  const { asked, send, activator } = setUp(t)
  send()
  t.strictSame(asked, [[echo, 1]])
  send()
  send()
  t.equal(asked.length, 1)
  t.equal(activator.waiting, 3)
})

t.test('while some wait it is asked again each second, and on each new stream', async t => {
  const { asked, send, pass, activator } = setUp(t)
  send()
  send()
  pass(1000)
  t.strictSame(asked.slice(1), [[echo, 2]])
  activator.take({ type: 'link', state: 'away' })
  activator.take({ type: 'link', state: 'ready' })
  t.strictSame(asked.slice(2), [[echo, 2]])
})

t.test('when endpoints come all go, in the order of their coming', async t => {
  const { connection, send, apply, activator, pass, asked } = setUp(t)
  const streams = ['/1', '/2', '/3'].map(path => send({ path }))
  apply(8001)
  await turn()
  t.strictSame(
    connection.streams.map(({ head }) => head.path),
    ['/1', '/2', '/3'],
  )
  t.equal(activator.waiting, 0)
  connection.streams[0]?.receiver.onHead(responseHead(200), true)
  t.equal(streams[0]?.heads[0]?.status, 200)
  pass(5000)
  t.equal(asked.length, 1, 'nobody asks any more')
})

t.test('a snapshot that brings none lets nobody go', async t => {
  const { connection, send, apply, activator } = setUp(t)
  send()
  apply()
  await turn()
  t.equal(connection.streams.length, 0)
  t.equal(activator.waiting, 1)
})

t.test('the wait is no latency of the endpoint', async t => {
  const { cluster, connection, send, apply, pass } = setUp(t)
  send()
  pass(5000)
  apply(8001)
  await turn()
  connection.streams[0]?.receiver.onHead(responseHead(200), true)
  t.ok((cluster.endpoints[0]?.ewmaMs ?? 9999) < 100, 'as its balancer sees it')
})

t.test('a body that comes meanwhile is kept, up to what a request may hold', async t => {
  const { connection, send, apply } = setUp(t)
  const stream = send({ method: 'POST', bodyLength: 100_000 })
  stream.receiver.onBody(Buffer.alloc(1000, 'a'))
  t.equal(stream.paused, false)
  stream.receiver.onBody(Buffer.alloc(64 * 1024, 'a'))
  t.equal(stream.paused, true, 'its sender is stopped')
  apply(8001)
  await turn()
  t.equal(connection.streams[0]?.body.length, 1000 + 64 * 1024)
  t.equal(stream.paused, false)
})

t.test('a refusal fails all that wait, with what the control plane says', async t => {
  const { activator, send } = setUp(t)
  const streams = [send(), send()]
  activator.take({ type: 'activation', function: 'other.default', state: 'refused' })
  t.equal(activator.waiting, 2, 'that of another function does not')
  activator.take({ type: 'activation', function: echo, state: 'refused', reason: 'no image' })
  for (const stream of streams)
    t.match(failureOf(stream), /503 no_healthy_endpoint .*echo.default cannot be started: no image/)
  t.equal(activator.waiting, 0)
})

t.test('nobody waits for longer than may be, each from its own coming', async t => {
  const { activator, send, pass } = setUp(t, { timeoutMs: 5000 })
  const first = send()
  activator.take({ type: 'activation', function: echo, state: 'starting' })
  pass(3000)
  const second = send()
  pass(2000)
  t.match(failureOf(first), /did not start within 5000 ms; the control plane said: starting/)
  t.equal(failureOf(second), '')
  pass(3000)
  t.match(failureOf(second), 'no_healthy_endpoint')
  t.equal(activator.waiting, 0)
})

t.test('a minute is the most, whatever is configured', async t => {
  const { send, pass } = setUp(t, { timeoutMs: 3_600_000 })
  const stream = send()
  pass(59_999)
  t.equal(failureOf(stream), '')
  pass(1)
  t.match(failureOf(stream), 'within 60000 ms')
})

t.test('who has a deadline waits no longer than that', async t => {
  const { activator, send, pass, asked } = setUp(t, { deadlineMs: 200 })
  const stream = send()
  pass(200)
  t.match(failureOf(stream), '504 upstream_timeout')
  t.equal(activator.waiting, 0)
  pass(5000)
  t.equal(asked.length, 1)
})

t.test('who would not live to see it is not let in', async t => {
  const { activator, send, pass } = setUp(t, { deadlineMs: 1000 })
  send()
  activator.take({ type: 'activation', function: echo, state: 'starting', coldMs: 3000 })
  t.match(failureOf(send()), /429 function_throttled .*takes 3000 ms to start.*only 1000 ms more/)
  pass(1000)
  t.equal(activator.waiting, 0)
  t.match(failureOf(send()), 'function_throttled', 'nor the next, who is the first again')
})

t.test('time that a start has taken already counts', async t => {
  const { activator, send, pass } = setUp(t, { deadlineMs: 2000 })
  send()
  activator.take({ type: 'activation', function: echo, state: 'starting', coldMs: 3000 })
  pass(1500)
  t.equal(failureOf(send()), '')
})

t.test('a caller that goes leaves its place', async t => {
  const { activator, send, asked, pass } = setUp(t)
  const stream = send()
  stream.receiver.onReset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(activator.waiting, 0)
  pass(5000)
  t.equal(asked.length, 1, 'and nobody asks for it')
})

t.test('the places are bounded for each function and for all', async t => {
  const { send } = setUp(t, { limits: { perFunction: 2, total: 100 } })
  send()
  send()
  t.match(failureOf(send()), '429 function_throttled')
  const all = setUp(t, { limits: { perFunction: 100, total: 1 } })
  all.send()
  t.match(failureOf(all.send()), '429 function_throttled')
})

t.test('without a control plane a request fails at once', async t => {
  const { send, asked } = setUp(t, { link: 'away' })
  t.match(failureOf(send()), /503 no_healthy_endpoint .*out of reach/)
  t.strictSame(asked, [])
})

t.test('a control plane that knows nothing of this is not asked', async t => {
  const { send, asked } = setUp(t, { link: 'unsupported' })
  t.match(failureOf(send()), /503 no_healthy_endpoint .*too old/)
  t.strictSame(asked, [])
})

t.test('when the stream breaks those who wait do so for three seconds more', async t => {
  const { activator, send, pass } = setUp(t)
  const stream = send()
  activator.take({ type: 'link', state: 'away' })
  pass(2999)
  t.equal(failureOf(stream), '')
  pass(1)
  t.match(failureOf(stream), /503 no_healthy_endpoint .*out of reach/)
})

t.test('a function that leaves the mesh takes nobody along', async t => {
  const { activator, send } = setUp(t)
  const stream = send()
  activator.applied(new Map())
  t.match(failureOf(stream), 'not in the mesh any more')
})

t.test('nobody is left waiting when the sidecar ends', async t => {
  const { activator, send } = setUp(t)
  const stream = send()
  activator.close()
  t.match(failureOf(stream), 'the sidecar ends')
})

t.test('who goes while others go can wait again', async t => {
  const { activator, cluster, send, asked } = setUp(t)
  send()
  // The endpoint is gone again before the request got there.
  const table = new Map([[cluster.name, cluster]])
  cluster.update(cluster.policy, [endpointAt(8001)])
  const pick = cluster.pick.bind(cluster)
  cluster.pick = (...args) => {
    cluster.update(cluster.policy, [])
    return pick(...args)
  }
  activator.applied(table)
  t.equal(activator.waiting, 1)
  t.equal(asked.length, 2)
})
