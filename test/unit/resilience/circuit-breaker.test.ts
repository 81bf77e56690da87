import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { CircuitBreakerPolicy } from '../../../src/model/cluster.ts'
import { CircuitBreaker, refused } from '../../../src/resilience/circuit-breaker.ts'
import { mockTime } from '../../support/mock-time.ts'

const policy: CircuitBreakerPolicy = {
  enabled: true,
  failureRatio: 0.5,
  minRequests: 10,
  windowMs: 1000,
  openMs: 500,
}

t.beforeEach(t => mockTime(t, ['setTimeout', 'setInterval']))

function breaker(t: Test, changes: Partial<CircuitBreakerPolicy> = {}): CircuitBreaker {
  const created = new CircuitBreaker('orders.default:80', { ...policy, ...changes })
  t.teardown(() => created.shutdown())
  return created
}

function succeed(circuit: CircuitBreaker, times = 1): void {
  for (let i = 0; i < times; i++) circuit.onSuccess(circuit.tryAcquire())
}

/** Failures reach opossum by a promise, so their effect is there after this turn. */
async function fail(circuit: CircuitBreaker, times = 1): Promise<void> {
  for (let i = 0; i < times; i++) circuit.onFailure(circuit.tryAcquire())
  await turn()
}

async function opened(t: Test, changes: Partial<CircuitBreakerPolicy> = {}) {
  const circuit = breaker(t, changes)
  await fail(circuit, 10)
  t.equal(circuit.state, 'open')
  return circuit
}

t.test('it opens at the failure ratio, not below', async t => {
  const circuit = breaker(t)
  succeed(circuit, 10)
  await fail(circuit, 9)
  t.equal(circuit.state, 'closed', '9 of 19')
  await fail(circuit)
  t.equal(circuit.state, 'open', '10 of 20')
})

t.test('it stays closed below the minimum of requests', async t => {
  const circuit = breaker(t)
  await fail(circuit, 9)
  t.equal(circuit.state, 'closed')
  await fail(circuit)
  t.equal(circuit.state, 'open')
})

t.test('a ratio of 1 opens when everything fails', async t => {
  const circuit = breaker(t, { failureRatio: 1 })
  await fail(circuit, 10)
  t.equal(circuit.state, 'open')
})

t.test('outcomes older than the window do not count', async t => {
  const circuit = breaker(t)
  await fail(circuit, 9)
  mock.timers.tick(1000)
  await fail(circuit, 9)
  t.equal(circuit.state, 'closed')
})

t.test('successes of the whole window weigh against failures', async t => {
  const circuit = breaker(t)
  for (let i = 0; i < 9; i++) {
    succeed(circuit, 5)
    mock.timers.tick(100)
  }
  await fail(circuit, 44)
  t.equal(circuit.state, 'closed', '44 of 89')
  await fail(circuit)
  t.equal(circuit.state, 'open', '45 of 90')
})

t.test('open refuses, until the time is over and a single probe may go', async t => {
  const circuit = await opened(t)
  t.equal(circuit.tryAcquire(), refused)
  mock.timers.tick(499)
  t.equal(circuit.tryAcquire(), refused)
  mock.timers.tick(1)
  t.equal(circuit.state, 'half-open')
  t.not(circuit.tryAcquire(), refused)
  t.equal(circuit.tryAcquire(), refused)
})

t.test('a good probe closes, and what failed before is forgotten', async t => {
  const circuit = await opened(t, { openMs: 100 })
  mock.timers.tick(100)
  succeed(circuit)
  await turn()
  t.equal(circuit.state, 'closed')
  await fail(circuit, 9)
  t.equal(circuit.state, 'closed', 'nine are too few again')
})

t.test('a failed probe opens for the whole time again', async t => {
  const circuit = await opened(t)
  mock.timers.tick(500)
  await fail(circuit)
  t.equal(circuit.state, 'open')
  mock.timers.tick(499)
  t.equal(circuit.state, 'open')
  mock.timers.tick(1)
  t.equal(circuit.state, 'half-open')
})

t.test('a probe whose caller went away makes room for the next', async t => {
  const circuit = await opened(t)
  mock.timers.tick(500)
  circuit.onIgnored(circuit.tryAcquire())
  t.equal(circuit.state, 'half-open')
  succeed(circuit)
  await turn()
  t.equal(circuit.state, 'closed')
})

t.test('outcomes of requests from before it opened do not decide a probe', async t => {
  const circuit = breaker(t)
  const late = Array.from({ length: 3 }, () => circuit.tryAcquire())
  await fail(circuit, 10)
  mock.timers.tick(500)
  const probe = circuit.tryAcquire()
  circuit.onSuccess(late[0] ?? 0)
  circuit.onFailure(late[1] ?? 0)
  circuit.onIgnored(late[2] ?? 0)
  await turn()
  t.equal(circuit.state, 'half-open')
  t.equal(circuit.tryAcquire(), refused, 'the probe is still out')
  circuit.onSuccess(probe)
  await turn()
  t.equal(circuit.state, 'closed')
})

t.test(
  'closed by the operator it stays so whatever fails, and begins anew when it decides again',
  async t => {
    const circuit = breaker(t)
    succeed(circuit, 100)
    circuit.set('closed')
    await fail(circuit, 100)
    t.equal(circuit.state, 'closed')
    circuit.set('auto')
    await fail(circuit, 9)
    t.equal(circuit.state, 'closed', 'nine are too few')
    await fail(circuit)
    t.equal(circuit.state, 'open', '10 of 10')
  },
)

t.test('disabled it stays closed whatever fails', async t => {
  const circuit = breaker(t, { enabled: false })
  await fail(circuit, 100)
  t.equal(circuit.state, 'closed')
})

t.test('the operator opens and closes it, also when it is disabled', async t => {
  for (const enabled of [true, false]) {
    const circuit = breaker(t, { enabled })
    const late = circuit.tryAcquire()
    circuit.set('open')
    t.equal(circuit.tryAcquire(), refused)
    mock.timers.tick(60_000)
    t.equal(circuit.tryAcquire(), refused, 'it probes nothing by itself')
    circuit.onSuccess(late)
    await turn()
    t.equal(circuit.state, 'open')
    circuit.set('auto')
    t.equal(circuit.state, 'closed')
    t.not(circuit.tryAcquire(), refused)
  }
})

t.test('the operator closes one that is open', async t => {
  const circuit = await opened(t)
  circuit.set('closed')
  t.not(circuit.tryAcquire(), refused)
  mock.timers.tick(10_000)
  t.equal(circuit.state, 'closed', 'what it was about to do is forgotten')
})

t.test('to let it decide that decides already changes nothing', async t => {
  const circuit = await opened(t)
  circuit.set('auto')
  t.equal(circuit.state, 'open')
})

t.test('a failure on its way when the operator steps in does not open it', async t => {
  const circuit = breaker(t)
  await fail(circuit, 9)
  circuit.onFailure(circuit.tryAcquire())
  circuit.set('closed')
  await turn()
  t.equal(circuit.state, 'closed')
})

t.test('half-open lets as many probes go as must succeed', async t => {
  const circuit = await opened(t, { halfOpenRequests: 3 })
  mock.timers.tick(500)
  const probes = [1, 2, 3].map(() => circuit.tryAcquire())
  t.notOk(probes.includes(refused))
  t.equal(circuit.tryAcquire(), refused)
  circuit.onSuccess(probes[0] ?? 0)
  await turn()
  t.equal(circuit.state, 'half-open')
  t.equal(circuit.tryAcquire(), refused, 'one that succeeded makes no room')
  circuit.onIgnored(probes[1] ?? 0)
  const again = circuit.tryAcquire()
  t.not(again, refused, 'one that says nothing does')
  circuit.onSuccess(probes[2] ?? 0)
  circuit.onSuccess(again)
  await turn()
  t.equal(circuit.state, 'closed')
})

t.test('one failed probe of several opens it again', async t => {
  const circuit = await opened(t, { halfOpenRequests: 3 })
  mock.timers.tick(500)
  const probes = [1, 2, 3].map(() => circuit.tryAcquire())
  circuit.onSuccess(probes[0] ?? 0)
  circuit.onFailure(probes[1] ?? 0)
  await turn()
  t.equal(circuit.state, 'open')
  circuit.onSuccess(probes[2] ?? 0)
  await turn()
  t.equal(circuit.state, 'open')
})

t.test('it says why it refuses, and when a probe goes', async t => {
  let now = 0
  const circuit = new CircuitBreaker(
    'orders.default:80',
    { ...policy, windowMs: 10_000 },
    () => now,
  )
  t.teardown(() => circuit.shutdown())
  t.strictSame(circuit.status, { state: 'closed', setting: 'auto' })
  succeed(circuit, 6)
  await fail(circuit, 6)
  now = 200
  t.equal(
    circuit.refusal,
    'the circuit breaker of orders.default:80 is open: 6 of 12 requests failed within 10000 ms; the next request is let through as a probe in 300 ms',
  )
  t.strictSame(circuit.status, {
    state: 'open',
    setting: 'auto',
    reason: '6 of 12 requests failed within 10000 ms',
    probeInMs: 300,
  })
  mock.timers.tick(500)
  t.match(circuit.refusal, /is half-open: 6 of 12 .* being probed/)
  await fail(circuit)
  t.match(circuit.refusal, /is open: a probe failed; .* in 500 ms/)
  circuit.set('open')
  t.match(circuit.refusal, /by its operator; POST \/breakers\/orders.default:80\?state=auto/)
  t.match(circuit.status, { state: 'open', setting: 'open', probeInMs: undefined })
  const timeless = await opened(t)
  t.match(timeless.refusal, /5 of 10 .* 500 ms after that/)
})

t.test('its timers keep no process alive', async t => {
  mock.timers.reset()
  const timers = (): number =>
    process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  breaker(t).set('open')
  t.equal(timers(), before)
})

t.test('shut down it has cleared its timers, and late outcomes do no harm', async t => {
  mock.timers.reset()
  const started = [mock.method(globalThis, 'setInterval'), mock.method(globalThis, 'setTimeout')]
  const cleared = [
    mock.method(globalThis, 'clearInterval'),
    mock.method(globalThis, 'clearTimeout'),
  ]
  const circuit = new CircuitBreaker('orders.default:80', policy)
  const permit = circuit.tryAcquire()
  await fail(circuit, 10)
  t.equal(circuit.state, 'open')
  circuit.shutdown()
  circuit.onFailure(permit)
  circuit.onSuccess(permit)
  const timers = started.flatMap(({ mock }) => mock.calls.map(call => call.result))
  const ended = cleared.flatMap(({ mock }) => mock.calls.map(call => call.arguments[0]))
  mock.restoreAll()
  await turn()
  t.equal(timers.length, 2)
  for (const timer of timers) t.ok(ended.some(handle => handle === timer))
  t.equal(circuit.state, 'open')
})

t.test('a probe that does not end lets another go after the time that it was open', async t => {
  const clock = { now: 0 }
  const circuit = new CircuitBreaker('orders.default:80', policy, () => clock.now)
  t.teardown(() => circuit.shutdown())
  await fail(circuit, 10)
  mock.timers.tick(policy.openMs)
  clock.now = policy.openMs
  const first = circuit.tryAcquire()
  t.not(first, refused)
  clock.now += policy.openMs - 1
  t.equal(circuit.tryAcquire(), refused)
  clock.now++
  const second = circuit.tryAcquire()
  t.not(second, refused)
  t.equal(circuit.tryAcquire(), refused)
  circuit.onSuccess(second)
  await turn()
  t.equal(circuit.state, 'closed')
  circuit.onFailure(first)
  await turn()
  t.equal(circuit.state, 'closed')
})
