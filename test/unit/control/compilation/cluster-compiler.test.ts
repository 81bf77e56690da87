import t from 'tap'
import {
  compileCluster,
  compileRetry,
} from '../../../../src/control/compilation/cluster-compiler.ts'
import { trafficPolicyKind } from '../../../../src/model/kinds/traffic-policy.ts'
import { clusterPolicy } from '../../../support/policies.ts'

const name = 'orders.default:80'

function policy(settings: object) {
  return trafficPolicyKind.parse({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name: 'orders' },
    spec: { targetRef: { name: 'orders' }, ...settings },
  }).spec
}

/** As documented in model/cluster.ts. */
const defaults = clusterPolicy({ name, loadBalancing: 'peak-ewma' })

t.test(
  'without a policy, and with an empty one, a cluster has the documented defaults',
  async t => {
    t.strictSame(compileCluster(name, undefined), defaults)
    t.strictSame(compileCluster(name, policy({})), defaults)
  },
)

t.test('a policy changes what it says and nothing beside it', async t => {
  const compiled = compileCluster(
    name,
    policy({
      connectTimeout: '250ms',
      circuitBreaker: { openFor: '1s' },
      outlierDetection: { enabled: false, maxEjection: '1m' },
      retryBudget: { ratio: 0 },
      concurrency: { maxPending: 1 },
    }),
  )
  t.strictSame(compiled, {
    ...defaults,
    connectTimeoutMs: 250,
    circuitBreaker: { ...defaults.circuitBreaker, openMs: 1000 },
    outlierDetection: { ...defaults.outlierDetection, enabled: false, maxEjectionMs: 60_000 },
    retryBudget: { ...defaults.retryBudget, ratio: 0 },
    concurrency: { ...defaults.concurrency, maxPending: 1 },
  })
})

t.test('balancing, outliers and breaker are compiled with their defaults', async t => {
  const compiled = compileCluster(
    name,
    policy({
      loadBalancing: {
        policy: 'maglev',
        hashOn: [
          { header: 'X-User' },
          { cookie: { name: 'place', ttl: '1h' } },
          { query: 'user' },
          { source: true },
        ],
        tableSize: 1021,
        subset: { byHeader: { header: 'X-Version', label: 'version' } },
      },
      circuitBreaker: { halfOpenRequests: 3 },
      outlierDetection: {
        consecutiveGatewayFailures: 2,
        consecutiveLocalFailures: 1,
        interval: '1s',
        successRate: { stdevFactor: 3 },
        failurePercentage: { threshold: 40 },
      },
    }),
  )
  t.strictSame(compiled, {
    ...defaults,
    loadBalancing: 'maglev',
    hashOn: [
      { kind: 'header', name: 'x-user' },
      { kind: 'cookie', name: 'place', ttlMs: 3_600_000 },
      { kind: 'query', name: 'user' },
      { kind: 'source', name: '' },
    ],
    tableSize: 1021,
    subset: { header: 'x-version', label: 'version', fallback: 'any' },
    circuitBreaker: { ...defaults.circuitBreaker, halfOpenRequests: 3 },
    outlierDetection: {
      ...defaults.outlierDetection,
      consecutiveGatewayFailures: 2,
      consecutiveLocalFailures: 1,
      intervalMs: 1000,
      successRate: { stdevFactor: 3, minHosts: 5, minRequests: 100 },
      failurePercentage: { threshold: 0.4, minHosts: 5, minRequests: 50 },
    },
  })
  t.match(compileCluster(name, policy({ loadBalancing: { slowStart: { window: '1m' } } })), {
    loadBalancing: 'peak-ewma',
    slowStart: { windowMs: 60_000, minRatio: 0.1, aggression: 1 },
  })
})

t.test('a policy may decide everything', async t => {
  const compiled = compileCluster(
    name,
    policy({
      loadBalancing: 'round-robin',
      connectTimeout: '2s',
      circuitBreaker: {
        enabled: false,
        failureRatio: 0.1,
        minRequests: 1,
        window: '1m',
        openFor: '2m',
      },
      outlierDetection: {
        enabled: false,
        consecutiveFailures: 2,
        baseEjection: '3s',
        maxEjection: '4s',
        maxEjectedRatio: 1,
        panicRatio: 0,
      },
      retryBudget: { ratio: 0.4, minPerSecond: 0 },
      concurrency: { maxRequests: 1, maxPending: 2, maxConnectionsPerEndpoint: 3 },
      healthCheck: {
        path: '/live',
        interval: '6s',
        timeout: '7s',
        healthyThreshold: 8,
        unhealthyThreshold: 9,
      },
    }),
  )
  t.strictSame(compiled, {
    name,
    loadBalancing: 'round-robin',
    connectTimeoutMs: 2000,
    circuitBreaker: {
      enabled: false,
      failureRatio: 0.1,
      minRequests: 1,
      windowMs: 60_000,
      openMs: 120_000,
    },
    outlierDetection: {
      enabled: false,
      consecutiveFailures: 2,
      baseEjectionMs: 3000,
      maxEjectionMs: 4000,
      maxEjectedRatio: 1,
      panicRatio: 0,
    },
    retryBudget: { ratio: 0.4, minPerSecond: 0 },
    concurrency: { maxRequests: 1, maxPending: 2, maxConnectionsPerEndpoint: 3 },
    healthCheck: {
      path: '/live',
      intervalMs: 6000,
      timeoutMs: 7000,
      healthyThreshold: 8,
      unhealthyThreshold: 9,
    },
  })
})

t.test('a cluster is checked actively only on request', async t => {
  t.notOk('healthCheck' in compileCluster(name, policy({ connectTimeout: '1s' })))
  t.strictSame(compileCluster(name, policy({ healthCheck: {} })).healthCheck, {
    path: '/healthz',
    intervalMs: 5000,
    timeoutMs: 1000,
    healthyThreshold: 2,
    unhealthyThreshold: 3,
  })
})

t.test('retries have the documented defaults and what the policy says', async t => {
  const retry = { attempts: 2, statuses: [502, 503, 504], backoffMs: 25 }
  t.strictSame(compileRetry(undefined), retry)
  t.strictSame(compileRetry(policy({ retry: { attempts: 0 } })), { ...retry, attempts: 0 })
  t.strictSame(
    compileRetry(
      policy({ retry: { attempts: 5, statuses: [500], backoff: '0s', perTryTimeout: '1s' } }),
    ),
    { attempts: 5, statuses: [500], backoffMs: 0, perTryTimeoutMs: 1000 },
  )
})

t.test('a try of 0s is one without a limit', async t => {
  t.notOk('perTryTimeoutMs' in compileRetry(policy({ retry: { perTryTimeout: '0s' } })))
})
