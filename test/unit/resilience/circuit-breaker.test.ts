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

t.test('closed by the operator it forgets its successes too', async t => {
  const circuit = breaker(t)
  succeed(circuit, 100)
  circuit.open()
  circuit.close()
  await fail(circuit, 10)
  t.equal(circuit.state, 'open', '10 of 10')
})

t.test('disabled it stays closed whatever fails', async t => {
  const circuit = breaker(t, { enabled: false })
  await fail(circuit, 100)
  t.equal(circuit.state, 'closed')
})

t.test('the operator opens and closes it, also when it is disabled', async t => {
  for (const enabled of [true, false]) {
    const circuit = breaker(t, { enabled })
    circuit.open()
    t.equal(circuit.tryAcquire(), refused)
    circuit.close()
    t.not(circuit.tryAcquire(), refused)
    circuit.open()
    mock.timers.tick(500)
    await fail(circuit)
    t.equal(circuit.state, 'open', 'a failed probe keeps it open')
    mock.timers.tick(500)
    succeed(circuit)
    await turn()
    t.equal(circuit.state, 'closed')
  }
})

t.test('its timers keep no process alive', async t => {
  mock.timers.reset()
  const timers = (): number =>
    process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  breaker(t).open()
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
  circuit.open()
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
