import t from 'tap'
import {
  BackendBreaker,
  type Outcome,
} from '../../../../src/functions/placement/backend-breaker.ts'

function run(breaker: BackendBreaker, outcomes: readonly Outcome[], now: number): void {
  for (const outcome of outcomes) {
    const permit = breaker.tryAcquire(now)
    if (permit !== undefined) breaker.settle(permit, outcome, now)
  }
}

function fill(outcome: Outcome, count: number): Outcome[] {
  return Array.from({ length: count }, () => outcome)
}

function opened(): BackendBreaker {
  const breaker = new BackendBreaker()
  run(breaker, fill('failure', 5), 0)
  return breaker
}

t.test('five failures open it, and four do not', async t => {
  const breaker = new BackendBreaker()
  run(breaker, fill('failure', 4), 0)
  t.equal(breaker.state(0), 'closed')
  run(breaker, ['failure'], 0)
  t.equal(breaker.state(0), 'open')
  t.equal(breaker.tryAcquire(0), undefined)
})

t.test('it opens at half of the calls', async t => {
  const breaker = new BackendBreaker()
  run(breaker, [...fill('success', 10), ...fill('failure', 9)], 0)
  t.equal(breaker.state(0), 'closed')
  run(breaker, ['failure'], 0)
  t.equal(breaker.state(0), 'open')
})

t.test('functions that fail, and callers that go away, never open it', async t => {
  const breaker = new BackendBreaker()
  run(breaker, [...fill('function-error', 100), ...fill('ignored', 100)], 0)
  t.equal(breaker.state(0), 'closed')
})

t.test('failures of long ago are forgotten', async t => {
  const breaker = new BackendBreaker()
  run(breaker, fill('failure', 4), 0)
  run(breaker, ['failure'], 60_000)
  t.equal(breaker.state(60_000), 'closed')
})

t.test('one probe at a time decides', async t => {
  const breaker = opened()
  t.equal(breaker.state(4999), 'open')
  t.equal(breaker.state(5000), 'half-open')
  const probe = breaker.tryAcquire(5000) ?? 0
  t.equal(breaker.state(5000), 'open')
  t.equal(breaker.tryAcquire(5000), undefined)
  breaker.settle(probe, 'success', 5100)
  t.equal(breaker.state(5100), 'closed')
  run(breaker, fill('failure', 4), 5100)
  t.equal(breaker.state(5100), 'closed')
})

t.test('a function that fails is a good probe', async t => {
  const breaker = opened()
  breaker.settle(breaker.tryAcquire(5000) ?? 0, 'function-error', 5000)
  t.equal(breaker.state(5000), 'closed')
})

t.test('a probe that fails doubles the rest, up to a minute', async t => {
  const breaker = opened()
  let now = 5000
  for (const wait of [10_000, 20_000, 40_000, 60_000, 60_000]) {
    breaker.settle(breaker.tryAcquire(now) ?? 0, 'failure', now)
    t.equal(breaker.state(now + wait - 1), 'open')
    t.equal(breaker.state(now + wait), 'half-open')
    now += wait
  }
})

t.test('a probe that says nothing lets another go', async t => {
  const breaker = opened()
  breaker.settle(breaker.tryAcquire(5000) ?? 0, 'ignored', 5000)
  t.equal(breaker.state(5000), 'half-open')
})

t.test('a probe that never comes back is waited for a minute', async t => {
  const breaker = opened()
  const lost = breaker.tryAcquire(5000) ?? 0
  t.equal(breaker.state(64_999), 'open')
  t.equal(breaker.state(65_000), 'half-open')
  const probe = breaker.tryAcquire(65_000) ?? 0
  breaker.settle(lost, 'success', 65_000)
  t.equal(breaker.state(65_000), 'open')
  breaker.settle(probe, 'success', 65_000)
  t.equal(breaker.state(65_000), 'closed')
})

t.test('what was admitted before it opened says nothing afterwards', async t => {
  const breaker = new BackendBreaker()
  const early = breaker.tryAcquire(0) ?? 0
  run(breaker, fill('failure', 5), 0)
  breaker.settle(early, 'success', 0)
  t.equal(breaker.state(0), 'open')
})
