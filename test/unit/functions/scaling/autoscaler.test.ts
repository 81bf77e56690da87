import t from 'tap'
import {
  autoscale,
  autoscalePolicy,
  type AutoscalePolicy,
  type AutoscaleState,
} from '../../../../src/functions/scaling/autoscaler.ts'

/** An autoscaler that is obeyed at once, looked at every two seconds. */
class Run {
  readonly #policy: AutoscalePolicy
  #state: AutoscaleState | undefined
  now = 1_000_000
  ready = 0
  panicking = false

  constructor(changes: Partial<AutoscalePolicy> = {}) {
    this.#policy = { ...autoscalePolicy({ concurrency: 10, min: 0, max: 1000 }), ...changes }
  }

  look(concurrency: number, present = concurrency): number {
    const { now, ready } = this
    const observation = { now, concurrency, present, ready }
    const { state, desired, panicking } = autoscale(this.#policy, this.#state, observation)
    this.#state = state
    this.ready = desired
    this.panicking = panicking
    return desired
  }

  /** @returns what was desired at each look. */
  hold(concurrency: number, seconds: number): number[] {
    return Array.from({ length: seconds / 2 }, () => {
      this.now += 2000
      return this.look(concurrency)
    })
  }
}

t.test('a steady load gets what Little’s law says at seventy percent', async t => {
  const run = new Run()
  run.hold(70, 200)
  t.equal(run.ready, 10)
  t.notOk(run.panicking)
  run.hold(71, 200)
  t.equal(run.ready, 11)
})

t.test('fractions that miss a whole number by nothing are that number', async t => {
  const run = new Run({ targetPerInstance: 0.7 })
  // 2.1 / 0.7 is 3.0000000000000004.
  run.hold(2.1, 200)
  t.equal(run.ready, 3)
})

t.test('whoever is there gets one instance, although a moment is no load', async t => {
  const run = new Run({ targetPerInstance: 0.7 })
  t.equal(run.look(0, 0), 0)
  run.now += 40
  t.equal(run.look(0, 1), 1)
  t.notOk(run.panicking)
})

t.test('a burst out of nothing is met at the first look after it, in panic', async t => {
  const run = new Run({ targetPerInstance: 0.7 })
  run.hold(0, 100)
  t.strictSame(run.hold(300, 2), [429])
  t.ok(run.panicking)
})

t.test('panic never goes down, and ends a stable window after the last time over', async t => {
  const run = new Run()
  run.hold(7, 120)
  t.equal(run.ready, 1)
  // One look over the threshold: the rest of the panic window was almost idle.
  run.hold(210, 2)
  const peak = run.ready
  t.ok(run.panicking && peak >= 2)
  const after = run.hold(1, 60)
  t.ok(after.every(desired => desired >= peak))
  t.ok(run.panicking)
  run.hold(1, 10)
  t.notOk(run.panicking)
  t.equal(run.ready, 1)
})

t.test('nothing grows or shrinks faster than the rates allow', async t => {
  const up = new Run({ maxScaleUpRate: 2 })
  t.strictSame(up.hold(700, 10), [1, 2, 4, 8, 16])
  const down = new Run()
  down.hold(700, 200)
  t.equal(down.ready, 100)
  const falling = down.hold(0, 80)
  for (const [index, desired] of falling.entries())
    t.ok(desired >= Math.floor((falling[index - 1] ?? 100) / 2))
  t.equal(down.ready, 1)
})

t.test('to zero after an idle stable window and the grace, not before', async t => {
  const run = new Run()
  run.hold(1, 20)
  t.ok(run.hold(0, 88).every(desired => desired === 1))
  t.strictSame(run.hold(0, 4), [0, 0])
})

t.test('never outside of its bounds', async t => {
  const run = new Run({ min: 2, max: 5 })
  t.equal(run.look(0), 2)
  run.hold(1000, 20)
  t.equal(run.ready, 5)
  run.hold(0, 300)
  t.equal(run.ready, 2)
})

t.test('after a gap of hours what runs stays until more is known', async t => {
  const run = new Run()
  run.hold(70, 200)
  run.now += 5 * 3_600_000
  // What was in flight when the machine slept says nothing of the hours since.
  t.equal(run.look(5000, 0), 10)
  t.ok(run.hold(0, 60).every(desired => desired === 10))
  run.hold(0, 60)
  t.equal(run.ready, 0)
})

t.test('a clock that goes back, a wrong load and a window that changes do no harm', async t => {
  const run = new Run()
  run.hold(70, 200)
  run.now -= 90_000
  t.equal(run.look(Number.NaN), 10)
  run.hold(70, 200)
  t.equal(run.ready, 10)
  const policy = autoscalePolicy({ concurrency: 10, min: 0, max: 50 })
  const observation = { now: 0, concurrency: 70, present: 70, ready: 10 }
  const { state } = autoscale(policy, undefined, observation)
  const longer = { ...policy, stableWindowMs: 120_000 }
  const next = autoscale(longer, state, { ...observation, now: 2000 })
  t.equal(next.state.window.bucketMs, 2000)
  t.equal(next.desired, 10)
})

t.test('a window of any length is remembered from look to look', async t => {
  const forgetful: number[] = []
  for (let seconds = 10; seconds <= 300; seconds++) {
    const run = new Run({ stableWindowMs: seconds * 1000 })
    run.hold(70, 4 * seconds)
    if (run.ready !== 10) forgetful.push(seconds)
  }
  t.strictSame(forgetful, [])
})
