import t from 'tap'
import { errorTable, type ErrorCode } from '../../../src/base/errors.ts'
import type { RetryPolicy } from '../../../src/model/route.ts'
import { RetryBudget } from '../../../src/resilience/retry-budget.ts'
import { decideRetry, type FailedAttempt } from '../../../src/resilience/retry-decision.ts'

const policy: RetryPolicy = { attempts: 2, statuses: [502, 503, 504], backoffMs: 20 }

const failed: FailedAttempt = {
  now: 0,
  wallNow: Date.UTC(2026, 4, 4, 10, 0, 0),
  random: () => 0.5,
  method: 'GET',
  idempotencyKey: false,
  attempt: 1,
  outcome: 503,
  connectionReused: false,
  bodyReplayable: true,
  responseStarted: false,
  remainingMs: Number.POSITIVE_INFINITY,
  repeatedElsewhere: false,
}

function decide(changes: Partial<FailedAttempt>, ratio = 1, by = policy) {
  const budget = new RetryBudget({ ratio, minPerSecond: 0 })
  budget.deposit(0)
  return decideRetry(by, { ...failed, ...changes }, budget)
}

function giveUp(reason: string) {
  return { kind: 'give-up', reason }
}

t.test('a status of the policy is repeated for idempotent methods', async t => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
    t.equal(decide({ method }).kind, 'retry', method)
  for (const method of ['POST', 'PATCH', 'CONNECT', 'get'])
    t.strictSame(decide({ method }), giveUp('not-retryable'), method)
  t.strictSame(decide({ outcome: 500 }), giveUp('not-retryable'))
})

t.test('a status of gRPC is repeated if the policy lists it, for then a POST may be', async t => {
  const grpc: RetryPolicy = { ...policy, grpcStatuses: [14] }
  const call = { method: 'POST', outcome: 200, grpcStatus: 14 }
  t.strictSame(decide(call, 1, grpc), { kind: 'retry', delayMs: 10 })
  t.strictSame(decide({ ...call, grpcStatus: 13 }, 1, grpc), giveUp('not-retryable'))
  t.strictSame(decide(call), giveUp('not-retryable'))
  t.strictSame(decide({ ...call, attempt: 3 }, 1, grpc), giveUp('attempts-spent'))
})

t.test('a gRPC server may say when to come again, or not to', async t => {
  const grpc: RetryPolicy = { ...policy, grpcStatuses: [14] }
  const call = { method: 'POST', outcome: 200, grpcStatus: 14 }
  t.strictSame(decide({ ...call, pushback: '70' }, 1, grpc), { kind: 'retry', delayMs: 70 })
  t.strictSame(decide({ ...call, pushback: '0' }, 1, grpc), { kind: 'retry', delayMs: 10 })
  for (const pushback of ['-1', 'soon', '', '6000'])
    t.strictSame(decide({ ...call, pushback }, 1, grpc), giveUp('retry-after-too-long'), pushback)
})

t.test('no retry comes sooner than the least back-off, and chance only adds to it', async t => {
  const patient = { ...policy, leastBackoffMs: 100 }
  t.strictSame(decide({}, 1, patient), { kind: 'retry', delayMs: 110 })
  t.strictSame(decide({ outcome: 'connect_failed' }, 1, patient), { kind: 'retry', delayMs: 100 })
})

t.test('what the application never saw is repeated at once, whatever the method', async t => {
  for (const outcome of ['connect_failed', 'connect_timeout', 'upstream_refused'] as const)
    t.strictSame(decide({ outcome, method: 'POST' }), { kind: 'retry', delayMs: 0 }, outcome)
})

t.test('a second failed connect waits', async t => {
  t.strictSame(decide({ outcome: 'connect_failed', attempt: 2 }), { kind: 'retry', delayMs: 20 })
})

t.test('a reset on a reused connection is a race: once, whatever the method', async t => {
  const race = { outcome: 'upstream_reset', method: 'POST', connectionReused: true } as const
  t.strictSame(decide(race), { kind: 'retry', delayMs: 0 })
  t.strictSame(decide({ ...race, attempt: 2 }), giveUp('not-retryable'))
  t.strictSame(decide({ ...race, connectionReused: false }), giveUp('not-retryable'))
})

t.test(
  'a reset on a fresh connection is repeated for idempotent methods, after a wait',
  async t => {
    t.strictSame(decide({ outcome: 'upstream_reset' }), { kind: 'retry', delayMs: 10 })
  },
)

t.test('a timeout is repeated for idempotent methods only', async t => {
  t.equal(decide({ outcome: 'upstream_timeout' }).kind, 'retry')
  t.equal(decide({ outcome: 'upstream_timeout', method: 'POST' }).kind, 'give-up')
})

t.test('no code marked never is repeated', async t => {
  for (const code of Object.keys(errorTable) as ErrorCode[])
    if (errorTable[code].retryable === 'never')
      t.strictSame(decide({ outcome: code, connectionReused: true }), giveUp('not-retryable'), code)
})

t.test('nothing is repeated once the answer has begun', async t => {
  t.strictSame(
    decide({ outcome: 'connect_failed', responseStarted: true }),
    giveUp('response-started'),
  )
})

t.test('a body that is not at hand is not repeated', async t => {
  t.strictSame(
    decide({ outcome: 'connect_failed', bodyReplayable: false }),
    giveUp('body-not-replayable'),
  )
})

t.test('the policy bounds the attempts', async t => {
  t.equal(decide({ attempt: 2 }).kind, 'retry')
  t.strictSame(decide({ attempt: 3 }), giveUp('attempts-spent'))
})

t.test('the back-off doubles, has full jitter and an upper end', async t => {
  const patient: RetryPolicy = { ...policy, attempts: 20 }
  const delays = [1, 2, 3, 4, 5, 12].map(attempt => {
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 1 })
    return decideRetry(patient, { ...failed, random: () => 1, attempt }, budget)
  })
  t.strictSame(
    delays,
    [20, 40, 80, 160, 200, 200].map(delayMs => ({ kind: 'retry', delayMs })),
  )
  t.strictSame(decide({ random: () => 0 }), { kind: 'retry', delayMs: 0 })
})

t.test('Retry-After is obeyed up to five seconds', async t => {
  t.strictSame(decide({ retryAfter: '2' }), { kind: 'retry', delayMs: 2000 })
  t.strictSame(decide({ retryAfter: '0' }), { kind: 'retry', delayMs: 10 })
  t.strictSame(decide({ retryAfter: '5' }), { kind: 'retry', delayMs: 5000 })
  t.strictSame(decide({ retryAfter: '6' }), giveUp('retry-after-too-long'))
  for (const retryAfter of [
    '-1',
    '1.5',
    '',
    '2026-05-04T10:00:00Z',
    'Mon, 99 Foo 2026 10:00:00 GMT',
  ])
    t.strictSame(decide({ retryAfter }), giveUp('retry-after-too-long'), retryAfter)
})

t.test('Retry-After may be a date, and one that has passed asks for nothing', async t => {
  const after = (time: string) => decide({ retryAfter: `Mon, 04 May 2026 ${time} GMT` })
  t.strictSame(after('10:00:03'), { kind: 'retry', delayMs: 3000 })
  t.strictSame(after('09:59:00'), { kind: 'retry', delayMs: 10 })
  t.strictSame(after('10:00:06'), giveUp('retry-after-too-long'))
})

t.test('an Idempotency-Key makes a POST repeatable where the policy says so', async t => {
  const keyed = { method: 'POST', idempotencyKey: true }
  t.strictSame(decide(keyed), giveUp('not-retryable'))
  t.equal(decide(keyed, 1, { ...policy, idempotencyKey: true }).kind, 'retry')
  t.equal(decide({ method: 'POST' }, 1, { ...policy, idempotencyKey: true }).kind, 'give-up')
})

t.test('what another hop repeats is not repeated here, unless no application saw it', async t => {
  t.strictSame(decide({ repeatedElsewhere: true }), giveUp('repeated-elsewhere'))
  t.strictSame(
    decide({ repeatedElsewhere: true, outcome: 'upstream_timeout' }),
    giveUp('repeated-elsewhere'),
  )
  t.equal(decide({ repeatedElsewhere: true, outcome: 'connect_failed' }).kind, 'retry')
})

t.test('a retry that would start after the deadline is not made', async t => {
  t.strictSame(decide({ remainingMs: 10 }), giveUp('deadline'))
  t.equal(decide({ remainingMs: 11 }).kind, 'retry')
  t.strictSame(decide({ outcome: 'connect_failed', remainingMs: 0 }), giveUp('deadline'))
})

t.test('a spent budget ends it', async t => {
  t.strictSame(decide({}, 0), giveUp('budget-spent'))
})

t.test('a decision against a retry takes nothing from the budget', async t => {
  const budget = new RetryBudget({ ratio: 1, minPerSecond: 0 })
  budget.deposit(0)
  decideRetry(policy, { ...failed, method: 'POST' }, budget)
  decideRetry(policy, { ...failed, remainingMs: 1 }, budget)
  t.equal(decideRetry(policy, failed, budget).kind, 'retry')
  t.strictSame(decideRetry(policy, failed, budget), giveUp('budget-spent'))
})
