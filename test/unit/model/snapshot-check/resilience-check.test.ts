import t from 'tap'
import {
  checkClusterResilience,
  checkResilience,
  checkRoutePolicies,
} from '../../../../src/model/snapshot-check/resilience-check.ts'

type Check = (report: (path: string, message: string) => void) => void

function faulty(check: Check): string[] {
  const paths: string[] = []
  check(path => paths.push(path))
  return paths
}

const breaker = { failureRatio: 0.5, minRequests: 20, windowMs: 10_000, openMs: 5000 }
const gradient = { minLimit: 3, maxLimit: 9, tolerance: 0.25, windowMs: 100, probeIntervalMs: 1 }

t.test('what a control plane compiles is taken', async t => {
  const route = {
    timeoutMs: 100,
    hedging: { after: { percentile: 95 }, maxAttempts: 2 },
    faults: [
      {
        percent: 1,
        delayMs: 5,
        abort: { grpcStatus: 14 },
        headers: [{ name: 'x', kind: 'regex', value: 'a+' }],
      },
    ],
    circuitBreaker: breaker,
  }
  t.same(
    faulty(report => checkRoutePolicies(route, 'r', report)),
    [],
  )
  t.same(
    faulty(report => checkRoutePolicies({}, 'r', report)),
    [],
  )
  const cluster = {
    concurrency: { maxQueued: 0, queueTimeoutMs: 1 },
    retryBudget: { windowMs: 1000 },
    adaptiveConcurrency: gradient,
  }
  t.same(
    faulty(report => checkClusterResilience(cluster, 'c', report)),
    [],
  )
  const overload = {
    enabled: true,
    eventLoopDelayMs: { start: 1, full: 2 },
    heapRatio: { start: 0.5, full: 0.6 },
  }
  t.same(
    faulty(report => checkResilience({ overload, adaptiveConcurrency: { 80: gradient } }, report)),
    [],
  )
})

t.test('a route that a sidecar cannot work by says where', async t => {
  const cases: readonly (readonly [object, string])[] = [
    [{ timeoutMs: 0 }, 'r.timeoutMs'],
    [{ hedging: { after: {}, maxAttempts: 2 } }, 'r.hedging.after'],
    [{ hedging: { after: { delayMs: 1 }, maxAttempts: 9 } }, 'r.hedging.maxAttempts'],
    [{ circuitBreaker: { ...breaker, openMs: '5s' } }, 'r.circuitBreaker.openMs'],
    [{ circuitBreaker: { ...breaker, halfOpenRequests: 0 } }, 'r.circuitBreaker.halfOpenRequests'],
    [{ retry: { perTryTimeoutMs: '1s' } }, 'r.retry.perTryTimeoutMs'],
    [{ faults: 'many' }, 'r.faults'],
    [{ faults: [{ percent: 101 }] }, 'r.faults[0].percent'],
    [{ faults: [{ percent: 1, delayMs: 1e9 }] }, 'r.faults[0].delayMs'],
    [{ faults: [{ percent: 1, abort: { httpStatus: 99 } }] }, 'r.faults[0].abort'],
    [{ faults: [{ percent: 1, headers: {} }] }, 'r.faults[0].headers'],
    [{ faults: [{ percent: 1, headers: [{ name: 'x' }] }] }, 'r.faults[0].headers[0]'],
    [
      { faults: [{ percent: 1, headers: [{ name: 'x', kind: 'like', value: 'a' }] }] },
      'r.faults[0].headers[0].kind',
    ],
    [
      { faults: [{ percent: 1, headers: [{ name: 'x', kind: 'regex', value: '(' }] }] },
      'r.faults[0].headers[0].value',
    ],
  ]
  for (const [route, path] of cases)
    t.strictSame(
      faulty(report => checkRoutePolicies({ ...route }, 'r', report)),
      [path],
    )
})

t.test('so does a cluster, and the inbound side', async t => {
  const cluster = {
    concurrency: { maxQueued: -1, queueTimeoutMs: 0 },
    retryBudget: { windowMs: 0 },
    adaptiveConcurrency: { ...gradient, minLimit: undefined },
  }
  t.strictSame(
    faulty(report => checkClusterResilience(cluster, 'c', report)),
    [
      'c.concurrency.maxQueued',
      'c.concurrency.queueTimeoutMs',
      'c.retryBudget.windowMs',
      'c.adaptiveConcurrency.minLimit',
    ],
  )
  const inbound = {
    adaptiveConcurrency: { 80: {} },
    overload: { enabled: 1, eventLoopDelayMs: { start: 2, full: 1 } },
  }
  t.strictSame(
    faulty(report => checkResilience(inbound, report)),
    [
      ...Object.keys(gradient).map(field => `inbound.adaptiveConcurrency.80.${field}`),
      'inbound.overload.enabled',
      'inbound.overload.eventLoopDelayMs',
      'inbound.overload.heapRatio',
    ],
  )
})
