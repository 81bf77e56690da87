import t from 'tap'
import { trafficPolicyKind } from '../../../../src/model/kinds/traffic-policy.ts'
import { checkFaults, checkTaken } from '../schemas.ts'

const policy = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'TrafficPolicy',
  metadata: { name: 'orders' },
  spec: { targetRef: { name: 'orders' } },
}

t.test('a target is enough, and says nothing that would hide a default', async t => {
  t.same(trafficPolicyKind.parse(policy).spec, { targetRef: { kind: 'Service', name: 'orders' } })
})

t.test('a group of settings may hold any of them', async t => {
  const spec = {
    ...policy.spec,
    circuitBreaker: { openFor: '3s' },
    retry: { perTryTimeout: '0s' },
    healthCheck: {},
  }
  t.match(trafficPolicyKind.parse({ ...policy, spec }).spec, {
    circuitBreaker: { openFor: 3000 },
    retry: { perTryTimeout: 0 },
    healthCheck: {
      path: '/healthz',
      interval: 5000,
      timeout: 1000,
      healthyThreshold: 2,
      unhealthyThreshold: 3,
    },
  })
})

t.test('every field has its bounds', async t => {
  checkFaults(t, trafficPolicyKind, policy, [
    ['spec.targetRef', undefined, /expected object/],
    ['spec.targetRef.kind', 'Gateway', /"Service"\|"ServiceEntry"\|"HTTPRoute"/],
    ['spec.targetRef.group', 'apps', /gateway.networking.k8s.io/],
    ['spec.targetRef.name', 'Orders', /lower-case/],
    ['spec.targetRef.name', 'orders.v1', /lower-case letters, digits and "-", at most 63/],
    ['spec.targetRef.port', 0, />=1/],
    ['spec.loadBalancing', 'maglev', /needs to know what to hash/, 'spec.loadBalancing.hashOn'],
    ['spec.loadBalancing.hashOn', [{ source: true }], /for ring-hash and maglev/],
    ['spec.loadBalancing.tableSize', 65_537, /for ring-hash and maglev/],
    [
      'spec.loadBalancing',
      { policy: 'random', choices: 3 },
      /peak-ewma/,
      'spec.loadBalancing.choices',
    ],
    [
      'spec.loadBalancing',
      { policy: 'maglev', hashOn: [{ source: true }], tableSize: 2048 },
      /prime/,
      'spec.loadBalancing.tableSize',
    ],
    [
      'spec.loadBalancing',
      { policy: 'ring-hash', hashOn: [{ source: true }], slowStart: { window: '1m' } },
      /leave it out/,
      'spec.loadBalancing.slowStart',
    ],
    ['spec.loadBalancing.hashOn.0', {}, /exactly one of/],
    ['spec.loadBalancing.hashOn.0', { header: 'a', query: 'b' }, /exactly one of/],
    ['spec.loadBalancing.hashOn.0.header', 'Host', /no policy can see/],
    ['spec.loadBalancing.subset', {}, /labels or byHeader/],
    [
      'spec.loadBalancing.subset',
      { byHeader: { header: 'host', label: 'tenant' } },
      /no policy can see/,
      'spec.loadBalancing.subset.byHeader.header',
    ],
    ['spec.circuitBreaker.halfOpenRequests', 0, />=1/],
    ['spec.circuitBreaker.halfOpenRequests', 101, /<=100/],
    ['spec.outlierDetection.consecutiveGatewayFailures', 0, />=1/],
    ['spec.outlierDetection.consecutiveLocalFailures', 0, />=1/],
    ['spec.outlierDetection.interval', '0s', /longer than 0s/],
    ['spec.outlierDetection.successRate.stdevFactor', -1, />=0/],
    ['spec.outlierDetection.failurePercentage.threshold', 101, /<=100/],
    ['spec.targetRef.sectionName', 'read', /is for a route/],
    ['spec.retryBudget.window', '0s', /longer than 0s/],
    ['spec.retry.idempotencyKey', 'yes', /expected boolean/],
    ['spec.timeouts.request', 'soon', /no duration/],
    ['spec.concurrency.maxQueued', -1, />=0/],
    ['spec.concurrency.queueTimeout', '0s', /longer than 0s/],
    ['spec.hedging', { after: '50ms', maxAttempts: 5 }, /<=4/, 'spec.hedging.maxAttempts'],
    [
      'spec.adaptiveConcurrency',
      { at: 'both' },
      /"inbound"\|"outbound"/,
      'spec.adaptiveConcurrency.at',
    ],
    ['spec.adaptiveConcurrency', { maxLimit: 2 }, /minLimit/, 'spec.adaptiveConcurrency.maxLimit'],
    [
      'spec.faults',
      [{ percent: 101, abort: { httpStatus: 503 } }],
      /<=100/,
      'spec.faults.0.percent',
    ],
    ['spec.faults', [{ percent: 1 }], /does nothing/, 'spec.faults.0'],
    [
      'spec.faults',
      [{ percent: 1, abort: {} }],
      /give httpStatus or grpcStatus/,
      'spec.faults.0.abort',
    ],
    [
      'spec.faults',
      [{ percent: 1, delay: { duration: '2m' } }],
      /longer than 60s/,
      'spec.faults.0.delay.duration',
    ],
    ['spec.connectTimeout', '0s', /longer than 0s/],
    ['spec.connectTimeout', '1000h', /over 24 days/],
    ['spec.connectTimeout', '1', /no duration/],
    ['spec.circuitBreaker.failureRatio', 1.1, /<=1/],
    ['spec.circuitBreaker.failureRatio', -0.1, />=0/],
    ['spec.circuitBreaker.minRequests', 0, />=1/],
    ['spec.circuitBreaker.window', '0s', /longer than 0s/],
    ['spec.circuitBreaker.openFor', '0s', /longer than 0s/],
    ['spec.outlierDetection.consecutiveFailures', 0, />=1/],
    ['spec.outlierDetection.baseEjection', '0s', /longer than 0s/],
    ['spec.outlierDetection.maxEjection', '0s', /longer than 0s/],
    ['spec.outlierDetection.maxEjectedRatio', 2, /<=1/],
    ['spec.outlierDetection.panicRatio', 2, /<=1/],
    ['spec.retryBudget.ratio', 2, /<=1/],
    ['spec.retryBudget.minPerSecond', -1, />=0/],
    ['spec.retry.attempts', 11, /<=10/],
    ['spec.retry.attempts', -1, />=0/],
    ['spec.retry.perTryTimeout', 'soon', /no duration/],
    ['spec.retry.statuses.0', 399, />=400/],
    ['spec.retry.statuses.0', 600, /<=599/],
    ['spec.retry.backoff', 25, /expected string/],
    ['spec.concurrency.maxRequests', 0, />=1/],
    ['spec.concurrency.maxPending', 0, />=1/],
    ['spec.concurrency.maxConnectionsPerEndpoint', 0, />=1/],
    ['spec.healthCheck.path', 'healthz', /start with "\/"/],
    ['spec.healthCheck.path', '/a b', /hold no space/],
    ['spec.healthCheck.path', '/a\n', /hold no space/],
    ['spec.healthCheck.interval', '0s', /longer than 0s/],
    ['spec.healthCheck.timeout', '0s', /longer than 0s/],
    ['spec.healthCheck.healthyThreshold', 0, />=1/],
    ['spec.healthCheck.unhealthyThreshold', 0, />=1/],
  ])
  checkTaken(t, trafficPolicyKind, policy, [
    ['spec.connectTimeout', '596h'],
    ['spec.loadBalancing', 'random'],
    ['spec.loadBalancing', { policy: 'ring-hash', hashOn: [{ cookie: { name: 'a', ttl: '0s' } }] }],
    ['spec.loadBalancing', { slowStart: { window: '1m' }, locality: {}, choices: 10 }],
    ['spec.loadBalancing.subset.labels', { version: 'v2' }],
    ['spec.outlierDetection', { successRate: {}, failurePercentage: {} }],
    ['spec.retryBudget.minPerSecond', 0.5],
    ['spec.retry.attempts', 0],
    ['spec.retry.statuses', [503]],
  ])
})
