import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { ExchangeError, type ErrorCode } from '../../../../src/base/errors.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import type { Cluster } from '../../../../src/model/cluster.ts'
import type { RetryPolicy } from '../../../../src/model/route.ts'
import { ActiveCluster } from '../../../../src/proxy/upstream/cluster.ts'
import { ConnectionPool } from '../../../../src/proxy/upstream/connection-pool.ts'
import type { RoutePolicies } from '../../../../src/proxy/routing/route-policies.ts'
import { CircuitBreaker } from '../../../../src/resilience/circuit-breaker.ts'
import type { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain, type Filter } from '../../../../src/proxy/exchange/filter.ts'
import { Forwarder } from '../../../../src/proxy/exchange/forwarder.ts'
import { errorCodes } from '../../../../src/telemetry/outcome-counts.ts'
import { FakeClientConnection, FakeServerStream } from '../../../support/fake-streams.ts'
import { mockTime } from '../../../support/mock-time.ts'
import { clusterPolicy, endpointAt } from '../../../support/policies.ts'
import { responseHead } from '../../../support/requests.ts'

t.beforeEach(mockTime)

const noPolicies: RoutePolicies = { hedging: undefined, faults: undefined, breaker: undefined }

interface SetUp {
  readonly endpoints?: number
  readonly mesh?: boolean
  readonly policy?: Partial<Cluster>
  readonly retry?: Partial<RetryPolicy>
  readonly timeoutMs?: number
  /** As a filter before the forwarder has found it. */
  readonly deadlineAt?: number
  readonly policies?: Partial<RoutePolicies>
  /** Shared with others. */
  readonly forwarder?: Forwarder
  /** Before the router. */
  readonly filter?: Filter
  /** Of hedging, faults and balancing; 0 by default. */
  readonly random?: () => number
  /** Ports whose dial fails, and with what. */
  readonly unreachable?: Readonly<Record<number, ErrorCode>>
}

function setUp(t: { teardown(handler: () => void): void }, options: SetUp = {}) {
  const connections = new Map<number, FakeClientConnection>()
  const pools = {
    lend: ({ port }: { port: number }) =>
      new ConnectionPool({
        name: `${port}`,
        maxConnections: 1,
        maxPending: 10,
        growAt: 100,
        dial: async () => {
          const failure = options.unreachable?.[port]
          if (failure !== undefined) throw new ExchangeError(failure, `${port}: ${failure}`)
          const connection = new FakeClientConnection()
          connections.set(port, connection)
          return connection
        },
      }),
    giveBack: (pool: ConnectionPool) => pool.close(),
  }
  const mesh = { port: 15008, identity: 'spiffe://weft.local/ns/default/sa/orders' }
  const endpoints = Array.from({ length: options.endpoints ?? 2 }, (_, index) =>
    endpointAt(8001 + index, options.mesh === true ? { mesh } : {}),
  )
  const clock = { now: 0 }
  const cluster = new ActiveCluster(clusterPolicy(options.policy), endpoints, {
    pools,
    now: () => clock.now,
    random: () => 0,
  })
  t.teardown(() => cluster.close())
  const forwarder = options.forwarder ?? new Forwarder(options.random ?? (() => 0))
  const route = {
    name: 'test',
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: options.timeoutMs,
    retry: { attempts: 2, statuses: [502, 503, 504], backoffMs: 0, ...options.retry },
    policies: { ...noPolicies, ...options.policies },
  }
  const router = {
    onRequest: (exchange: { route: unknown; cluster: unknown; deadlineAt: number }) => {
      if (options.deadlineAt !== undefined) exchange.deadlineAt = options.deadlineAt
      exchange.route = route
      exchange.cluster = cluster
      return true
    },
  }
  const chain = new Chain({
    filters: [...(options.filter === undefined ? [] : [options.filter]), router, forwarder],
    terminal: forwarder.forward,
    now: () => clock.now,
  })
  const send = (changes: Partial<RequestHead> = {}): FakeServerStream => {
    const stream = new FakeServerStream(changes)
    chain.handle(stream)
    return stream
  }
  /** All requests that reached the upstreams, in order of arrival at each. */
  const reached = () => [...connections.values()].flatMap(connection => connection.streams)
  return { cluster, connections, send, reached, clock, chain }
}

/** Twice, so that a timer which only what came before the first has set is over too. */
const turnMs = 4

/** Back-offs end meanwhile, also one that only the end of another has begun. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await new Promise<void>(resolve => setImmediate(resolve))
    mock.timers.tick(turnMs / 2)
  }
  await new Promise<void>(resolve => setImmediate(resolve))
}

function reasonOf(stream: FakeServerStream): string | undefined {
  return stream.heads[0]?.headers.get('x-weft-reason')
}

t.test('an answer passes through with its body and trailers', async t => {
  const { send, reached } = setUp(t)
  const downstream = send()
  await turn()
  const [upstream] = reached()
  t.equal(upstream?.ended, true, 'a request without body ends at once')
  upstream?.receiver.onHead(responseHead(200, { bodyLength: 2 }), false)
  upstream?.receiver.onBody(Buffer.from('ok'))
  const trailers = HeaderList.of({ checksum: '1' })
  upstream?.receiver.onEnd(trailers)
  t.equal(downstream.heads[0]?.status, 200)
  t.equal(downstream.body, 'ok')
  t.equal(downstream.trailers, trailers)
})

t.test(
  'a try that could not connect is repeated at another endpoint, whatever the method',
  async t => {
    const { send, reached } = setUp(t, { unreachable: { 8001: 'connect_failed' } })
    const downstream = send({ method: 'POST', bodyLength: 3 })
    downstream.receiver.onBody(Buffer.from('abc'))
    downstream.receiver.onEnd(undefined)
    await turn()
    const [upstream] = reached()
    t.equal(upstream?.body, 'abc')
    t.equal(upstream?.ended, true)
    t.equal(upstream?.head.headers.get('x-weft-attempt'), '2')
  },
)

t.test('a POST whose connection broke is not repeated', async t => {
  const { send, reached } = setUp(t)
  const downstream = send({ method: 'POST' })
  await turn()
  reached()[0]?.receiver.onReset(new ExchangeError('upstream_reset', 'gone'))
  await turn()
  t.equal(reached().length, 1)
  t.equal(downstream.heads[0]?.status, 502)
  t.equal(reasonOf(downstream), 'upstream_reset')
})

t.test('a GET whose connection broke is repeated at the other endpoint', async t => {
  const { send, reached, connections } = setUp(t)
  const downstream = send()
  await turn()
  reached()[0]?.receiver.onReset(new ExchangeError('upstream_reset', 'gone'))
  await turn()
  t.equal(connections.size, 2)
  reached()[1]?.receiver.onHead(responseHead(200), true)
  t.equal(downstream.heads[0]?.status, 200)
})

t.test('a retry never follows once headers went downstream', async t => {
  const { send, reached } = setUp(t)
  const downstream = send()
  await turn()
  const [upstream] = reached()
  upstream?.receiver.onHead(responseHead(200, { bodyLength: 10 }), false)
  upstream?.receiver.onBody(Buffer.from('12345'))
  upstream?.receiver.onReset(new ExchangeError('upstream_reset', 'cut'))
  await turn()
  t.equal(reached().length, 1)
  t.equal(downstream.heads.length, 1)
  t.equal(downstream.resetWith?.code, 'upstream_reset')
})

t.test('a 503 is repeated for a GET, and passed on once the attempts are spent', async t => {
  const { send, reached } = setUp(t, { retry: { attempts: 1 } })
  const downstream = send()
  await turn()
  reached()[0]?.receiver.onHead(responseHead(503, { bodyLength: 5 }), false)
  t.equal(reached()[0]?.resetWith?.code, 'upstream_reset', 'the first answer is given up')
  await turn()
  reached()[1]?.receiver.onHead(responseHead(503), true)
  t.equal(downstream.heads[0]?.status, 503)
  t.equal(reasonOf(downstream), undefined, 'it is the application that answered')
})

t.test('what the peer sidecar says its application never saw is repeated for a POST', async t => {
  const { send, reached } = setUp(t, { mesh: true })
  const downstream = send({ method: 'POST' })
  await turn()
  const headers = HeaderList.of({ 'x-weft-reason': 'connect_failed' })
  reached()[0]?.receiver.onHead(responseHead(503, { headers }), true)
  await turn()
  reached()[1]?.receiver.onHead(responseHead(201), true)
  t.equal(downstream.heads[0]?.status, 201)
})

t.test('an application outside the mesh cannot ask for the retry of a POST', async t => {
  const { send, reached } = setUp(t)
  const downstream = send({ method: 'POST' })
  await turn()
  const headers = HeaderList.of({ 'x-weft-reason': 'connect_failed' })
  reached()[0]?.receiver.onHead(responseHead(503, { headers }), true)
  await turn()
  t.equal(reached().length, 1)
  t.equal(downstream.heads[0]?.status, 503)
})

t.test('with the budget spent a failure is answered with retry_budget_spent', async t => {
  const { send, reached } = setUp(t, { policy: { retryBudget: { ratio: 0, minPerSecond: 0 } } })
  const downstream = send()
  await turn()
  reached()[0]?.receiver.onReset(new ExchangeError('upstream_reset', 'gone'))
  await turn()
  t.equal(reasonOf(downstream), 'retry_budget_spent')
})

t.test('the route timeout answers 504 and gives the try up', async t => {
  const { send, reached } = setUp(t, { timeoutMs: 100 })
  const downstream = send()
  await turn()
  mock.timers.tick(99 - turnMs)
  t.strictSame(downstream.heads, [])
  mock.timers.tick(1)
  t.equal(downstream.heads[0]?.status, 504)
  t.equal(reasonOf(downstream), 'upstream_timeout')
  t.equal(reached()[0]?.resetWith?.code, 'upstream_timeout')
})

t.test('what is left of the time of a hop above is enforced, and told to the next', async t => {
  const { send, reached } = setUp(t, { deadlineAt: 50, timeoutMs: 100, mesh: true })
  const downstream = send()
  await turn()
  t.equal(reached()[0]?.head.headers.get('x-weft-timeout-ms'), '50')
  mock.timers.tick(50 - turnMs)
  t.equal(reasonOf(downstream), 'upstream_timeout')
})

t.test('with no time left nothing is sent, and nobody is blamed', async t => {
  const { send, reached, cluster } = setUp(t, { deadlineAt: 0 })
  t.equal(reasonOf(send()), 'upstream_timeout')
  await turn()
  t.equal(reached().length, 0)
  t.equal(cluster.limit.active, 0)
})

t.test('a try beyond its own limit is repeated elsewhere', async t => {
  const { send, connections } = setUp(t, { retry: { perTryTimeoutMs: 100 } })
  send()
  await turn()
  mock.timers.tick(99 - turnMs)
  t.equal(connections.size, 1)
  mock.timers.tick(1)
  t.equal([...connections.values()][0]?.streams[0]?.resetWith?.code, 'upstream_timeout')
  await turn()
  t.equal(connections.size, 2)
})

t.test('when downstream goes away the try is cancelled and nobody is blamed', async t => {
  const { cluster, send, reached } = setUp(t)
  const downstream = send()
  await turn()
  downstream.receiver.onReset(new ExchangeError('downstream_closed', 'gone'))
  t.equal(reached()[0]?.resetWith?.code, 'downstream_closed')
  t.strictSame(
    cluster.endpoints.map(endpoint => endpoint.failures),
    [0, 0],
  )
  t.strictSame(
    cluster.endpoints.map(endpoint => endpoint.active),
    [0, 0],
  )
  t.ok(cluster.limit.tryAcquire())
})

t.test('without an endpoint the answer is no_healthy_endpoint', async t => {
  const { send } = setUp(t, { endpoints: 0 })
  const downstream = send()
  t.equal(downstream.heads[0]?.status, 503)
  t.equal(reasonOf(downstream), 'no_healthy_endpoint')
})

t.test('requests beyond the limit in flight are refused as overloaded', async t => {
  const concurrency = { maxRequests: 1, maxPending: 1, maxConnectionsPerEndpoint: 1 }
  const { send } = setUp(t, { policy: { concurrency } })
  send()
  t.equal(reasonOf(send()), 'overloaded')
})

t.test('whoever waits for the limit goes when another ends, or is refused in time', async t => {
  const limits = { maxRequests: 1, maxQueued: 2, queueTimeoutMs: 100 }
  const concurrency = { ...limits, maxPending: 1, maxConnectionsPerEndpoint: 1 }
  const { send, reached, cluster } = setUp(t, { policy: { concurrency }, endpoints: 1 })
  send()
  const second = send({ method: 'POST', bodyLength: 4 })
  second.receiver.onBody(Buffer.from('kept'))
  second.receiver.onEnd(undefined)
  const third = send()
  const fourth = send()
  t.equal(reasonOf(fourth), 'overloaded')
  await turn()
  t.equal(reached().length, 1)
  reached()[0]?.receiver.onHead(responseHead(200), true)
  await turn()
  t.equal(reached()[1]?.body, 'kept')
  mock.timers.tick(100)
  t.equal(reasonOf(third), 'overloaded')
  t.equal(cluster.queue?.length, 0)
  t.equal(cluster.limit.active, 1)
})

t.test('of those who wait none is lost when the next ones fail at once', async t => {
  const limits = { maxRequests: 1, maxQueued: 1000, queueTimeoutMs: 100 }
  const concurrency = { ...limits, maxPending: 1, maxConnectionsPerEndpoint: 1 }
  const { send, reached, cluster } = setUp(t, { policy: { concurrency }, endpoints: 1 })
  send()
  await turn()
  const waiting = Array.from({ length: 1000 }, () => send())
  cluster.update(clusterPolicy({ concurrency }), [])
  reached()[0]?.receiver.onHead(responseHead(200), true)
  t.ok(waiting.every(stream => reasonOf(stream) === 'no_healthy_endpoint'))
  t.equal(cluster.limit.active, 0)
})

const circuitBreaker = { ...clusterPolicy().circuitBreaker, minRequests: 5 }

t.test('enough failures open the circuit, and it says so', async t => {
  const { send, reached } = setUp(t, { policy: { circuitBreaker }, retry: { attempts: 0 } })
  for (let i = 0; i < 6; i++) {
    send()
    await turn()
    reached()
      .find(stream => stream.resetWith === undefined && !answered.has(stream))
      ?.receiver.onHead(responseHead(500), true)
    for (const stream of reached()) answered.add(stream)
  }
  const downstream = send()
  t.equal(downstream.heads[0]?.status, 503)
  t.equal(reasonOf(downstream), 'circuit_open')
})

t.test('requests for which there was no endpoint leave the circuit closed', async t => {
  const { send } = setUp(t, { policy: { circuitBreaker }, endpoints: 0 })
  for (let i = 0; i < 10; i++) t.equal(reasonOf(send()), 'no_healthy_endpoint')
})

t.test('an upload is paused while upstream is slow and goes on when it is not', async t => {
  const { send, reached } = setUp(t)
  const downstream = send({ method: 'POST', bodyLength: -1 })
  await turn()
  const [upstream] = reached()
  if (upstream === undefined) throw new Error('nothing reached upstream')
  upstream.writable = false
  downstream.receiver.onBody(Buffer.from('x'))
  t.ok(downstream.paused)
  upstream.receiver.onWritable()
  t.notOk(downstream.paused)
})

t.test('a download is paused while downstream is slow and goes on when it is not', async t => {
  const { send, reached } = setUp(t)
  const downstream = send()
  await turn()
  const [upstream] = reached()
  upstream?.receiver.onHead(responseHead(200, { bodyLength: -1 }), false)
  downstream.writable = false
  upstream?.receiver.onBody(Buffer.from('x'))
  t.equal(upstream?.paused, true)
  downstream.receiver.onWritable()
  t.equal(upstream?.paused, false)
})

const hedging = { after: { delayMs: 50 }, maxAttempts: 2 }

/** A request that is at both endpoints. */
async function hedged(t: Test, options: SetUp = {}) {
  const made = setUp(t, { ...options, policies: { hedging } })
  const downstream = made.send()
  await turn()
  mock.timers.tick(50)
  await turn()
  const [first, second] = made.reached()
  if (first === undefined || second === undefined) throw new Error('it is not hedged')
  return { ...made, downstream, first, second }
}

t.test('of two tries at a time the first good head wins, and nobody is blamed', async t => {
  const { downstream, first, second, cluster } = await hedged(t, { mesh: true })
  t.equal(first.head.headers.get('x-weft-attempt'), undefined)
  t.equal(second.head.headers.get('x-weft-attempt'), '2')
  t.not(first.head.headers.get('x-weft-port'), second.head.headers.get('x-weft-port'))
  second.receiver.onHead(responseHead(200, { bodyLength: 1 }), false)
  t.equal(first.resetWith?.code, 'upstream_closed')
  second.receiver.onBody(Buffer.from('2'))
  second.receiver.onEnd(undefined)
  t.equal(downstream.body, '2')
  t.strictSame(
    cluster.endpoints.map(({ failures, active }) => [failures, active]),
    [
      [0, 0],
      [0, 0],
    ],
  )
  t.equal(cluster.stats.hedges, 1)
})

t.test('a bad head waits for the other try', async t => {
  const { downstream, first, second } = await hedged(t, { retry: { statuses: [] } })
  first.receiver.onHead(responseHead(503), true)
  t.strictSame(downstream.heads, [])
  second.receiver.onHead(responseHead(200), true)
  t.equal(downstream.heads[0]?.status, 200)
})

t.test('when both tries fail it is decided about a retry, once', async t => {
  const { downstream, first, second, reached } = await hedged(t, { retry: { attempts: 1 } })
  first.receiver.onReset(new ExchangeError('upstream_reset', 'gone'))
  second.receiver.onHead(responseHead(503), true)
  await turn()
  t.equal(reached().length, 2, 'both tries are spent')
  t.equal(downstream.heads[0]?.status, 503)
})

t.test('a request that is not there yet, or may not be repeated, is sent once', async t => {
  const { send, reached } = setUp(t, { policies: { hedging } })
  send({ method: 'POST' })
  const upload = send({ method: 'PUT', bodyLength: 4 })
  await turn()
  mock.timers.tick(50)
  await turn()
  t.equal(reached().length, 2)
  upload.receiver.onBody(Buffer.from('body'))
  upload.receiver.onEnd(undefined)
  mock.timers.tick(50)
  await turn()
  const bodies = reached().map(({ body, ended }) => [body, ended])
  t.strictSame(
    bodies.filter(([body]) => body === 'body'),
    [
      ['body', true],
      ['body', true],
    ],
  )
})

t.test('the deadline ends both tries', async t => {
  const { downstream, first, second, cluster } = await hedged(t, { timeoutMs: 100 })
  mock.timers.tick(100)
  t.equal(reasonOf(downstream), 'upstream_timeout')
  t.ok(first.resetWith)
  t.ok(second.resetWith)
  t.strictSame(
    cluster.endpoints.map(({ failures }) => failures),
    [1, 0],
    'the first has had its time',
  )
})

const always = { matches: () => true }

t.test('a fault is injected by the throw of a dice', async t => {
  const policy = { percent: 30, abort: { httpStatus: 418 } }
  for (const [draw, status] of [
    [0.29, 418],
    [0.3, undefined],
  ] as const) {
    const faults = [{ ...always, policy }]
    const { send } = setUp(t, { policies: { faults }, random: () => draw })
    t.equal(send().heads[0]?.status, status)
  }
})

t.test('of several faults the longest delay and the first abort count', async t => {
  const faults = [{ delayMs: 10 }, { delayMs: 30, abort: { httpStatus: 500 } }, { delayMs: 20 }]
  const { send, cluster } = setUp(t, {
    policies: {
      faults: faults.map(policy => ({ ...always, policy: { percent: 100, ...policy } })),
    },
  })
  const downstream = send()
  mock.timers.tick(29)
  t.strictSame(downstream.heads, [])
  mock.timers.tick(1)
  t.equal(downstream.heads[0]?.status, 500)
  t.equal(cluster.limit.active, 0)
})

t.test('a caller that goes away ends the delay of a fault', async t => {
  const faults = [{ ...always, policy: { percent: 100, delayMs: 10 } }]
  const { send, reached } = setUp(t, { policies: { faults } })
  send().receiver.onReset(new ExchangeError('downstream_closed', 'gone'))
  mock.timers.tick(10)
  await turn()
  t.equal(reached().length, 0)
})

t.test("a route's own breaker is asked first, and told the outcome", async t => {
  const breaker = new CircuitBreaker('route', { ...circuitBreaker, minRequests: 1 })
  t.teardown(() => breaker.shutdown())
  const { send, reached, cluster } = setUp(t, { policies: { breaker }, retry: { attempts: 0 } })
  send()
  await turn()
  reached()[0]?.receiver.onHead(responseHead(500), true)
  await turn()
  t.equal(breaker.state, 'open')
  t.equal(cluster.breaker.state, 'closed')
  const downstream = send()
  t.equal(reasonOf(downstream), 'circuit_open')
  t.equal(cluster.limit.active, 0)
})

t.test("a caller's own impatience is no fault of the endpoint", async t => {
  for (const [asked, failures] of [
    ['100', 0],
    ['2000', 1],
  ] as const) {
    const { send, cluster } = setUp(t)
    const headers = HeaderList.of({ 'x-envoy-expected-rq-timeout-ms': asked })
    const downstream = send({ headers })
    await turn()
    mock.timers.tick(Number(asked))
    t.equal(reasonOf(downstream), 'upstream_timeout')
    t.equal(
      cluster.endpoints.reduce((sum, endpoint) => sum + endpoint.failures, 0),
      failures,
    )
  }
})

t.test('a peer that has too much to do is asked no more, and not blamed', async t => {
  const { send, reached, cluster } = setUp(t, { mesh: true, policy: { circuitBreaker } })
  for (let i = 0; i < 6; i++) {
    const downstream = send()
    for (let attempt = 0; attempt < 3; attempt++) {
      await turn()
      const headers = HeaderList.of({ 'x-weft-reason': 'overloaded' })
      for (const stream of reached())
        if (stream.resetWith === undefined)
          stream.receiver.onHead(responseHead(503, { headers }), true)
    }
    t.equal(reasonOf(downstream), 'overloaded')
  }
  t.equal(cluster.breaker.state, 'closed')
  t.strictSame(
    cluster.endpoints.map(({ failures }) => failures),
    [0, 0],
  )
})

t.test('tries are counted one by one, requests as a whole', async t => {
  const { send, reached, cluster } = setUp(t)
  const downstream = send()
  await turn()
  reached()[0]?.receiver.onReset(new ExchangeError('upstream_reset', 'gone'))
  await turn()
  reached()[1]?.receiver.onHead(responseHead(204), true)
  t.equal(downstream.heads[0]?.status, 204)
  const { byStatusClass, byReason } = cluster.stats.attempts
  t.equal(byStatusClass[2], 1)
  t.equal(byReason[errorCodes.indexOf('upstream_reset')], 1)
})

const answered = new Set<object>()

const grpcCall = (timeout: string): Partial<RequestHead> => ({
  method: 'POST',
  version: '2',
  headers: HeaderList.of({ 'content-type': 'application/grpc', 'grpc-timeout': timeout }),
})

t.test("a caller's deadline that comes too early for an answer blames nobody", async t => {
  const circuitBreaker = { ...clusterPolicy().circuitBreaker, minRequests: 2 }
  const { cluster, send } = setUp(t, { policy: { circuitBreaker } })
  for (let i = 0; i < 6; i++) {
    const downstream = send(grpcCall('10m'))
    await turn()
    mock.timers.tick(10)
    t.equal(reasonOf(downstream), 'upstream_timeout')
  }
  await turn()
  t.equal(cluster.breaker.state, 'closed')
  t.strictSame(
    cluster.endpoints.map(({ failures, active }) => [failures, active]),
    [
      [0, 0],
      [0, 0],
    ],
  )
})

t.test('one that gave fair time counts, as the limit of a route always does', async t => {
  const circuitBreaker = { ...clusterPolicy().circuitBreaker, minRequests: 2 }
  for (const [timeoutMs, call] of [
    [undefined, grpcCall('2S')],
    [10, {}],
  ] as const) {
    const { cluster, send } = setUp(t, {
      policy: { circuitBreaker },
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    for (let i = 0; i < 2; i++) {
      send(call)
      await turn()
      mock.timers.tick(2000)
      await turn()
    }
    t.equal(cluster.breaker.state, 'open')
    t.ok(cluster.endpoints.some(({ failures }) => failures > 0))
  }
})

t.test('how much time is fair is learnt from good answers', async t => {
  const { cluster, send, reached, clock } = setUp(t, { endpoints: 1 })
  t.equal(cluster.isFairTime(999), false)
  t.equal(cluster.isFairTime(1000), true, 'until then it is the time for a connection')
  send()
  await turn()
  clock.now = 30
  reached()[0]?.receiver.onHead(responseHead(200), true)
  t.equal(cluster.isFairTime(59), false)
  t.equal(cluster.isFairTime(60), true)
})

t.test('an endpoint that asks for a pause looks slow for so long', async t => {
  for (const [status, headers, expected] of [
    [429, {}, 5000],
    [429, { 'retry-after': '7' }, 7000],
    [503, { 'retry-after': '9' }, 9000],
    [429, { 'retry-after': '99999' }, 300_000],
    [404, { 'retry-after': '7' }, 0],
  ] as const) {
    const { cluster, send, reached } = setUp(t, { endpoints: 1, retry: { attempts: 0 } })
    send()
    await turn()
    reached()[0]?.receiver.onHead(responseHead(status, { headers: HeaderList.of(headers) }), true)
    t.equal(cluster.endpoints[0]?.ewmaMs, expected)
  }
})

t.test('so does one whose gRPC call ends with RESOURCE_EXHAUSTED, or with a pushback', async t => {
  for (const [fields, expected] of [
    [{ 'grpc-status': '8' }, 5000],
    [{ 'grpc-status': '8', 'grpc-retry-pushback-ms': '250' }, 250],
    [{ 'grpc-status': '14', 'grpc-retry-pushback-ms': '300' }, 300],
    [{ 'grpc-status': '0', 'grpc-retry-pushback-ms': '300' }, 0],
    [{ 'grpc-status': '5' }, 0],
  ] as const)
    for (const isTrailersOnly of [true, false]) {
      const { cluster, send, reached } = setUp(t, { endpoints: 1 })
      send(grpcCall('1H'))
      await turn()
      const receiver = reached()[0]?.receiver
      const trailers = HeaderList.of(fields)
      if (isTrailersOnly) receiver?.onHead(responseHead(200, { headers: trailers }), true)
      else {
        receiver?.onHead(responseHead(200), false)
        receiver?.onEnd(trailers)
      }
      t.equal(cluster.endpoints[0]?.ewmaMs, expected, JSON.stringify(fields))
    }
})

t.test(
  'what a function answers, faults of its own as well, opens no breaker and ejects nobody',
  async t => {
    const circuitBreaker = { ...clusterPolicy().circuitBreaker, minRequests: 2 }
    const { cluster, send, reached } = setUp(t, {
      policy: { judges: 'transport', circuitBreaker },
      retry: { attempts: 0 },
    })
    for (let i = 0; i < 10; i++) {
      send()
      await turn()
      reached().at(-1)?.receiver.onHead(responseHead(502), true)
      reached().forEach(({ receiver }) => receiver.onEnd(undefined))
    }
    await turn()
    t.equal(cluster.breaker.state, 'closed')
    t.ok(cluster.endpoints.every(({ failures, ejected }) => failures === 0 && !ejected))
  },
)
t.test('the limit of a try ends with its head, unless it is for the whole try', async t => {
  for (const limitsWholeTry of [undefined, true] as const) {
    const { send, reached } = setUp(t, {
      retry: { perTryTimeoutMs: 100, ...(limitsWholeTry && { limitsWholeTry }) },
    })
    const downstream = send()
    await turn()
    const [upstream] = reached()
    upstream?.receiver.onHead(responseHead(200, { bodyLength: 10 }), false)
    mock.timers.tick(200)
    t.equal(downstream.resetWith?.code, limitsWholeTry && 'upstream_timeout')
    t.equal(upstream?.resetWith?.code, limitsWholeTry && 'upstream_timeout')
    t.equal(reached().length, 1, 'nothing is tried again once an answer has begun')
  }
})

t.test('the limit of a whole try does not hold for a tunnel', async t => {
  const { send, reached } = setUp(t, { retry: { perTryTimeoutMs: 100, limitsWholeTry: true } })
  const downstream = send({ upgrade: 'websocket' })
  await turn()
  const [upstream] = reached()
  upstream?.receiver.onHead(responseHead(101), false)
  mock.timers.tick(200)
  t.equal(downstream.resetWith, undefined)
})

t.test('a status below 500 is tried again where the route lists it', async t => {
  const { send, reached } = setUp(t, { retry: { statuses: [429] } })
  const downstream = send()
  await turn()
  reached()[0]?.receiver.onHead(responseHead(429), true)
  await turn()
  reached()[1]?.receiver.onHead(responseHead(200), true)
  t.equal(downstream.heads[0]?.status, 200)
})

t.test('what a filter has held up is as late as it is, and no try is slower for it', async t => {
  const gate: Filter = { onRequest: () => false }
  const { chain, clock, cluster, send, reached } = setUp(t, { filter: gate, timeoutMs: 100 })
  const [answered, late] = [send(), send()]
  clock.now = 60
  for (const { receiver } of [answered, late]) chain.proceed(receiver as Exchange, gate)
  await turn()
  clock.now = 70
  reached()[0]?.receiver.onHead(responseHead(200), true)
  t.equal(answered.heads[0]?.status, 200)
  t.equal(Math.max(...cluster.endpoints.map(({ ewmaMs }) => ewmaMs)), 10)
  clock.now = 100
  mock.timers.tick(40 - turnMs)
  t.equal(late.heads[0]?.status, 504)
})

t.test('those who wait for a cluster go, also while those of another are let in', async t => {
  const forwarder = new Forwarder(() => 0)
  const limits = { maxRequests: 1, maxQueued: 1, queueTimeoutMs: 100 }
  const concurrency = { ...limits, maxPending: 1, maxConnectionsPerEndpoint: 1 }
  const [one, other] = [1, 2].map(() => setUp(t, { forwarder, policy: { concurrency } }))
  if (one === undefined || other === undefined) throw new Error('two')
  const [first, second] = [one.send(), one.send()]
  const [holder] = [other.send(), other.send()]
  t.equal(one.cluster.queue?.length, 1)
  t.equal(other.cluster.queue?.length, 1)
  one.cluster.update(clusterPolicy({ concurrency }), [])
  const gone = new ExchangeError('downstream_closed', 'gone')
  if (second !== undefined) second.sendHead = () => holder?.receiver.onReset(gone)
  first?.receiver.onReset(gone)
  t.equal(other.cluster.queue?.length, 0)
})

t.test('a plugin that refuses good answers does not open the circuit', async t => {
  const filter: Filter = {
    onResponse: exchange => {
      if (exchange.reason === undefined)
        exchange.refuseAnswer(new ExchangeError('plugin_failed', 'it threw'))
    },
  }
  const { send, reached, cluster } = setUp(t, { filter, policy: { circuitBreaker } })
  for (let i = 0; i < 10; i++) {
    const downstream = send()
    await turn()
    reached()
      .find(stream => !answered.has(stream))
      ?.receiver.onHead(responseHead(200), true)
    for (const stream of reached()) answered.add(stream)
    t.equal(reasonOf(downstream), 'plugin_failed')
  }
  t.equal(cluster.breaker.state, 'closed')
})

t.test('streams that have begun do not fill the limit that latency sets', async t => {
  const adaptiveConcurrency = {
    minLimit: 1,
    maxLimit: 1,
    tolerance: 0.25,
    windowMs: 100,
    probeIntervalMs: 60_000,
  }
  const { send, reached, cluster } = setUp(t, { policy: { adaptiveConcurrency }, endpoints: 1 })
  for (let i = 0; i < 3; i++) {
    t.equal(send().heads.length, 0)
    t.equal(reasonOf(send()), 'overloaded')
    await turn()
    reached()
      .at(-1)
      ?.receiver.onHead(responseHead(200, { bodyLength: -1 }), false)
  }
  t.equal(cluster.limit.active, 3)
  for (const { receiver } of reached()) receiver.onEnd(undefined)
  t.equal(cluster.limit.active, 0)
  t.equal(cluster.limit.counted, 0)
})

t.test('whom another has overtaken is known as slow', async t => {
  const { second, clock, cluster } = await hedged(t)
  clock.now = 60
  second.receiver.onHead(responseHead(200), true)
  t.match(cluster.endpoints[0], { ewmaMs: 60, failures: 0 })
})

t.test('an upload is not looked at without end while it is not here as a whole', async t => {
  const { send } = setUp(t, { policies: { hedging: { after: { delayMs: 1 }, maxAttempts: 2 } } })
  send({ method: 'PUT', bodyLength: -1 })
  await turn()
  const timers = t.capture(globalThis, 'setTimeout', globalThis.setTimeout)
  for (let i = 0; i < 100; i++) mock.timers.tick(1)
  t.ok(timers().length <= 5)
})

t.test(
  'an endpoint that was left little of the time by an injected delay is not blamed',
  async t => {
    const fault = { policy: { percent: 100, delayMs: 90 }, matches: () => true }
    const { send, clock, cluster } = setUp(t, { timeoutMs: 100, policies: { faults: [fault] } })
    const downstream = send()
    clock.now = 90
    mock.timers.tick(90)
    mock.timers.tick(10)
    t.equal(downstream.heads[0]?.status, 504)
    t.strictSame(
      cluster.endpoints.map(({ failures, active }) => [failures, active]),
      [
        [0, 0],
        [0, 0],
      ],
    )
  },
)

t.test('a probe whose answer is a stream closes the circuit when it begins', async t => {
  const { send, reached, cluster } = setUp(t, {
    policy: { circuitBreaker: { ...circuitBreaker, minRequests: 1 } },
    retry: { attempts: 0 },
    endpoints: 1,
  })
  send()
  await turn()
  reached()[0]?.receiver.onHead(responseHead(500), true)
  await turn()
  t.equal(cluster.breaker.state, 'open')
  mock.timers.tick(circuitBreaker.openMs)
  t.equal(cluster.breaker.state, 'half-open')
  send()
  await turn()
  reached()[1]?.receiver.onHead(responseHead(200, { bodyLength: -1 }), false)
  await turn()
  t.equal(cluster.breaker.state, 'closed')
  reached()[1]?.receiver.onEnd(undefined)
  t.equal(cluster.limit.active, 0)
})

t.test('a short wait before a try excuses no endpoint from the limit of its route', async t => {
  const gate: Filter = { onRequest: () => false }
  const { chain, clock, cluster, send } = setUp(t, { filter: gate, timeoutMs: 100 })
  const downstream = send()
  clock.now = 2
  chain.proceed(downstream.receiver as Exchange, gate)
  await turn()
  mock.timers.tick(98)
  t.equal(downstream.heads[0]?.status, 504)
  t.equal(Math.max(...cluster.endpoints.map(({ failures }) => failures)), 1)
})
