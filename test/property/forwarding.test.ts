import { mock } from 'node:test'
import fc from 'fast-check'
import t from 'tap'
import { ExchangeError } from '../../src/base/errors.ts'
import { Chain } from '../../src/proxy/exchange/filter.ts'
import { Forwarder } from '../../src/proxy/exchange/forwarder.ts'
import type { ActiveEndpoint } from '../../src/proxy/upstream/active-endpoint.ts'
import { ActiveCluster } from '../../src/proxy/upstream/cluster.ts'
import { ConnectionPool } from '../../src/proxy/upstream/connection-pool.ts'
import { CircuitBreaker, refused } from '../../src/resilience/circuit-breaker.ts'
import {
  FakeClientConnection,
  FakeServerStream,
  FakeClientStream,
} from '../support/fake-streams.ts'
import { mockTime } from '../support/mock-time.ts'
import { clusterPolicy, endpointAt } from '../support/policies.ts'
import { responseHead } from '../support/requests.ts'

/** What can happen next; numbers choose among the streams that are there. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), upload: fc.boolean() }),
  fc.record({
    kind: fc
      .constantFrom('upload', 'leave', 'end', 'break', 'warm')
      .map(kind => kind as 'upload' | 'leave' | 'end' | 'break' | 'warm'),
    at: fc.nat(20),
  }),
  fc.record({
    kind: fc.constant('answer' as const),
    at: fc.nat(20),
    status: fc.constantFrom(200, 404, 429, 500, 503),
    whole: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 10, 50, 200, 5000) }),
  fc.record({ kind: fc.constant('endpoints' as const), count: fc.nat(3) }),
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const features = fc.record({
  hedged: fc.boolean(),
  delayed: fc.boolean(),
  adaptive: fc.boolean(),
  routeBreaker: fc.boolean(),
  limitsWholeTry: fc.boolean(),
  mesh: fc.boolean(),
})

type Features = typeof features extends fc.Arbitrary<infer F> ? F : never

const gone = new ExchangeError('downstream_closed', 'gone')
const broken = new ExchangeError('upstream_reset', 'broken')

function setUp(features: Features) {
  const clock = { now: 0 }
  let seed = 1
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647
  const upstream: FakeClientStream[] = []
  const pools = {
    lend: ({ port }: { readonly port: number }) =>
      new ConnectionPool({
        name: `${port}`,
        maxConnections: 1,
        maxPending: 3,
        growAt: 100,
        dial: async () => {
          if (random() < 0.1) throw new ExchangeError('connect_failed', 'nobody listens')
          const connection = new FakeClientConnection()
          connection.request = (head, receiver, end) => {
            const stream = new FakeClientStream(head, receiver, end)
            upstream.push(stream)
            return stream
          }
          return connection
        },
      }),
    giveBack: (pool: ConnectionPool) => pool.close(),
  }
  const mesh = { port: 15_008, identity: 'spiffe://weft.local/ns/default/sa/orders' }
  const endpointsOf = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      endpointAt(8001 + index, features.mesh ? { mesh } : {}),
    )
  const { circuitBreaker, concurrency } = clusterPolicy()
  const policy = clusterPolicy({
    circuitBreaker: { ...circuitBreaker, minRequests: 1, windowMs: 1000, openMs: 100 },
    concurrency: { ...concurrency, maxRequests: 3, maxQueued: 2, queueTimeoutMs: 100 },
    ...(features.adaptive && {
      adaptiveConcurrency: {
        minLimit: 1,
        maxLimit: 3,
        tolerance: 0.25,
        windowMs: 10,
        probeIntervalMs: 100,
      },
    }),
  })
  const cluster = new ActiveCluster(policy, endpointsOf(2), { pools, now: () => clock.now, random })
  const seen = new Set<ActiveEndpoint>(cluster.endpoints)
  const routeBreaker = new CircuitBreaker('route', policy.circuitBreaker, () => clock.now)
  const forwarder = new Forwarder(random)
  const route = {
    name: 'test',
    backends: [{ cluster, weight: 1 }],
    totalWeight: 1,
    timeoutMs: 300,
    retry: {
      attempts: 2,
      statuses: [503],
      backoffMs: 10,
      perTryTimeoutMs: 100,
      ...(features.limitsWholeTry && { limitsWholeTry: true as const }),
    },
    policies: {
      hedging: features.hedged ? { after: { delayMs: 20 }, maxAttempts: 3 } : undefined,
      faults: features.delayed
        ? [{ policy: { percent: 50, delayMs: 30 }, matches: () => true }]
        : undefined,
      breaker: features.routeBreaker ? routeBreaker : undefined,
    },
  }
  const router = {
    onRequest: (exchange: { route: unknown; cluster: unknown }) => {
      exchange.route = route
      exchange.cluster = cluster
      return true
    },
  }
  const completed = { count: 0 }
  const counter = { onComplete: () => void completed.count++ }
  const chain = new Chain({
    filters: [counter, router, forwarder],
    terminal: forwarder.forward,
    now: () => clock.now,
  })
  const downstream: FakeServerStream[] = []
  const over = new Set<FakeServerStream | FakeClientStream>()
  const choose = <S extends FakeServerStream | FakeClientStream>(
    all: readonly S[],
    at: number,
  ): S | undefined => {
    const open = all.filter(stream => stream.resetWith === undefined && !over.has(stream))
    return open[at % Math.max(1, open.length)]
  }
  const pass = (ms: number): void => {
    for (let left = ms; left > 0; left -= 10) {
      clock.now += Math.min(10, left)
      mock.timers.tick(Math.min(10, left))
    }
  }
  const headed = new Set<FakeClientStream>()
  const uploaded = new Set<FakeServerStream>()
  const take = (taken: Step): void => {
    switch (taken.kind) {
      case 'send': {
        const stream = new FakeServerStream(taken.upload ? { method: 'PUT', bodyLength: -1 } : {})
        downstream.push(stream)
        chain.handle(stream)
        if (taken.upload) stream.receiver.onBody(Buffer.alloc(1000))
        return
      }
      case 'upload': {
        const uploading = downstream.filter(
          stream => stream.request.bodyLength !== 0 && !uploaded.has(stream),
        )
        const stream = choose(uploading, taken.at)
        if (stream === undefined) return
        uploaded.add(stream)
        return stream.receiver.onEnd(undefined)
      }
      case 'leave': {
        const stream = choose(downstream, taken.at)
        if (stream === undefined) return
        over.add(stream)
        return stream.receiver.onReset(gone)
      }
      case 'answer': {
        const stream = choose(upstream, taken.at)
        if (stream === undefined || headed.has(stream)) return
        headed.add(stream)
        if (taken.whole) over.add(stream)
        return stream.receiver.onHead(
          responseHead(taken.status, { bodyLength: taken.whole ? 0 : -1 }),
          taken.whole,
        )
      }
      case 'end':
      case 'break': {
        const stream = choose(upstream, taken.at)
        if (stream === undefined || (taken.kind === 'end' && !headed.has(stream))) return
        over.add(stream)
        return taken.kind === 'end'
          ? stream.receiver.onEnd(undefined)
          : stream.receiver.onReset(broken)
      }
      case 'warm':
        return cluster.warm(clock.now)
      case 'pass':
        return pass(taken.ms)
      case 'endpoints':
        cluster.update(policy, endpointsOf(taken.count))
        for (const endpoint of cluster.endpoints) seen.add(endpoint)
    }
  }
  const leaveAll = (): void => {
    for (const stream of downstream) stream.receiver.onReset(gone)
  }
  const close = (): void => {
    cluster.close()
    routeBreaker.shutdown()
  }
  const breakers = [cluster.breaker, routeBreaker]
  return { cluster, completed, downstream, seen, take, leaveAll, close, breakers }
}

t.test('whatever happens, what an exchange has taken is given back once', async t => {
  mockTime(t, ['setTimeout', 'setInterval'])
  await fc.assert(
    fc.asyncProperty(
      features,
      fc.array(step, { minLength: 20, maxLength: 60 }),
      async (given, steps) => {
        const { cluster, completed, downstream, seen, take, leaveAll, close, breakers } =
          setUp(given)
        for (const taken of steps) {
          take(taken)
          await settled()
        }
        leaveAll()
        await settled()
        const probing = breakers.filter(
          breaker => breaker.state === 'half-open' && breaker.tryAcquire() === refused,
        )
        close()
        return (
          cluster.limit.active === 0 &&
          cluster.limit.counted === 0 &&
          (cluster.queue?.length ?? 0) === 0 &&
          [...seen].every(({ active }) => active === 0) &&
          probing.length === 0 &&
          downstream.every(({ heads }) => heads.length <= 1) &&
          completed.count === downstream.length
        )
      },
    ),
    { numRuns: 300 },
  )
})

/** Dialing and breakers answer by promises. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve()
}
