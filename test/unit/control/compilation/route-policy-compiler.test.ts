import t from 'tap'
import { compileRoutePolicy } from '../../../../src/control/compilation/route-policy-compiler.ts'
import { trafficPolicyKind } from '../../../../src/model/kinds/traffic-policy.ts'

function policy(settings: object) {
  return trafficPolicyKind.parse({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name: 'orders' },
    spec: { targetRef: { name: 'orders' }, ...settings },
  }).spec
}

const defaults = { attempts: 2, statuses: [502, 503, 504], backoffMs: 25 }

t.test('without policies a route has the defaults and nothing else', async t => {
  t.strictSame(compileRoutePolicy(undefined, undefined), { retry: defaults })
})

t.test('a route has what its own policy says, and the rest from its Service', async t => {
  const own = policy({
    retry: { attempts: 1 },
    faults: [
      { percent: 5, match: { headers: [{ name: 'X-A', value: 'b' }] }, abort: { httpStatus: 500 } },
      { percent: 1, delay: { duration: '1s' }, abort: { grpcStatus: 'ABORTED' } },
    ],
    circuitBreaker: { openFor: '1s' },
  })
  const service = policy({
    retry: { attempts: 9, idempotencyKey: true },
    hedging: { after: { percentile: 99 }, maxAttempts: 3 },
    timeouts: { request: '3s', backendRequest: '1s' },
    circuitBreaker: { openFor: '9s' },
  })
  t.strictSame(compileRoutePolicy(own, service), {
    retry: {
      ...defaults,
      idempotencyKey: true,
      attempts: 1,
      perTryTimeoutMs: 1000,
      limitsWholeTry: true,
    },
    timeoutMs: 3000,
    hedging: { after: { percentile: 99 }, maxAttempts: 3 },
    faults: [
      {
        percent: 5,
        headers: [{ name: 'x-a', kind: 'exact', value: 'b' }],
        abort: { httpStatus: 500 },
      },
      { percent: 1, delayMs: 1000, abort: { grpcStatus: 10 } },
    ],
    circuitBreaker: {
      enabled: true,
      failureRatio: 0.5,
      minRequests: 20,
      windowMs: 10_000,
      openMs: 1000,
    },
  })
})

t.test('the nearer word for the limit of a try counts, whichever it is', async t => {
  const heads = policy({ retry: { perTryTimeout: '5s' } })
  const whole = policy({ timeouts: { backendRequest: '1s' } })
  const { perTryTimeoutMs, limitsWholeTry } = compileRoutePolicy(whole, heads).retry
  t.same([perTryTimeoutMs, limitsWholeTry], [1000, true])
  t.strictSame(compileRoutePolicy(heads, whole).retry, { ...defaults, perTryTimeoutMs: 5000 })
  const none = policy({ timeouts: { backendRequest: '0s' } })
  t.strictSame(compileRoutePolicy(none, heads).retry, defaults)
})

t.test('the breaker of a Service is no breaker of its routes', async t => {
  const compiled = compileRoutePolicy(undefined, policy({ circuitBreaker: { openFor: '9s' } }))
  t.equal(compiled.circuitBreaker, undefined)
})
