import t from 'tap'
import type { AdaptiveConcurrencyPolicy } from '../../../src/model/policy/adaptive-concurrency.ts'
import { ConcurrencyLimit } from '../../../src/resilience/concurrency-limit.ts'
import { GradientLimit } from '../../../src/resilience/gradient-limit.ts'

const policy: AdaptiveConcurrencyPolicy = {
  minLimit: 3,
  maxLimit: 1000,
  tolerance: 0.25,
  windowMs: 100,
  probeIntervalMs: 60_000,
}

function setUp(changes: Partial<AdaptiveConcurrencyPolicy> = {}, ceiling = 16_384) {
  const limit = new ConcurrencyLimit(1)
  const gradient = new GradientLimit({ ...policy, ...changes }, limit, ceiling)
  let now = 0
  /** Windows in which `active` requests are in flight, and each answer takes that long. */
  const windows = (count: number, latencyMs: number, active = limit.max): void => {
    while (limit.active < active && limit.tryAcquire());
    while (limit.active > active) limit.release()
    for (let i = 0; i < count; i++) {
      now += 101
      for (let sample = 0; sample < 5; sample++) gradient.observe(latencyMs, now)
    }
  }
  return { limit, gradient, windows }
}

t.test('it begins within its bounds', async t => {
  t.equal(setUp().limit.max, 100)
  t.equal(setUp({ maxLimit: 20 }).limit.max, 20)
  t.equal(setUp({}, 5).limit.max, 5)
  t.equal(setUp({ minLimit: 200 }).limit.max, 200)
})

t.test('it grows while answers are as fast as without load, if it is used', async t => {
  const { limit, windows } = setUp()
  windows(3, 10, 1)
  t.equal(limit.max, 100, 'nobody needs more')
  windows(1, 10, 100)
  t.ok(limit.max > 100)
  for (let i = 0; i < 20; i++) windows(1, 10)
  t.equal(limit.max, 1000)
})

t.test('it falls when answers take longer, down to its least', async t => {
  const { limit, windows } = setUp()
  windows(2, 10, 1)
  windows(1, 40, 100)
  t.ok(limit.max < 65, String(limit.max))
  for (let i = 0; i < 30; i++) windows(1, 1e6, 100)
  t.ok(limit.max < 10, String(limit.max))
})

t.test('a few answers are no window', async t => {
  const { limit, gradient } = setUp()
  for (let i = 0; i < 4; i++) gradient.observe(1, 1000 * i)
  t.equal(limit.max, 100)
  t.equal(gradient.unloadedMs, Number.POSITIVE_INFINITY)
})

t.test('what has become slower for good is learnt by letting nearly nothing in', async t => {
  const { limit, gradient, windows } = setUp({ probeIntervalMs: 1000 })
  windows(1, 10, 1)
  windows(12, 30, 100)
  t.equal(limit.max, 3, 'a probe')
  windows(1, 30, 3)
  windows(2, 30, 3)
  t.equal(gradient.unloadedMs, 30)
  t.ok(limit.max > 3)
})
