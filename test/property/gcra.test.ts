import fc from 'fast-check'
import t from 'tap'
import {
  gcraRemaining,
  GcraTable,
  gcraTake,
  gcraWaitMs,
  type GcraCell,
} from '../../src/resilience/gcra.ts'

/** Whole numbers, so that the model below is exact. */
const rate = fc.record({
  intervalMs: fc.integer({ min: 1, max: 50 }),
  burst: fc.integer({ min: 1, max: 8 }),
})
const pauses = fc.array(fc.oneof(fc.constant(0), fc.nat(30), fc.nat(500)), {
  maxLength: 80,
  size: 'max',
})

/** ITU-T I.371, annex A: the continuous-state leaky bucket, which is the same algorithm in other words. */
class LeakyBucket {
  #level = 0
  #lastAt = 0
  readonly #intervalMs: number
  readonly #limit: number

  constructor(intervalMs: number, burst: number) {
    this.#intervalMs = intervalMs
    this.#limit = (burst - 1) * intervalMs
  }

  take(now: number): boolean {
    const level = Math.max(0, this.#level - (now - this.#lastAt))
    if (level > this.#limit) return false
    this.#level = level + this.#intervalMs
    this.#lastAt = now
    return true
  }
}

t.test('requests conform exactly when the leaky bucket of the standard takes them', async t => {
  let refused = 0
  fc.assert(
    fc.property(rate, pauses, (given, waits) => {
      const bucket = new LeakyBucket(given.intervalMs, given.burst)
      const cell: GcraCell = { wholeAt: 0 }
      let now = 0
      for (const wait of waits) {
        now += wait
        const fits = gcraWaitMs(given, cell, now) === 0
        if (fits !== bucket.take(now)) return false
        if (fits) gcraTake(given, cell, now)
        else refused++
      }
      return true
    }),
    { numRuns: 1000 },
  )
  t.ok(refused > 100, `${refused} refused`)
})

t.test(
  'after the wait that is told a request conforms, and a moment before it does not',
  async t => {
    fc.assert(
      fc.property(rate, pauses, (given, waits) => {
        const cell: GcraCell = { wholeAt: 0 }
        let now = 0
        for (const wait of waits) {
          now += wait
          const waitMs = gcraWaitMs(given, cell, now)
          if (gcraWaitMs(given, cell, now + waitMs) !== 0) return false
          if (waitMs > 0 && gcraWaitMs(given, cell, now + waitMs - 1) === 0) return false
          if (waitMs === 0) gcraTake(given, cell, now)
        }
        return true
      }),
      { numRuns: 500 },
    )
    t.end()
  },
)

t.test('what is said to remain can be taken at once, and no more', async t => {
  fc.assert(
    fc.property(rate, pauses, (given, waits) => {
      const cell: GcraCell = { wholeAt: 0 }
      let now = 0
      for (const wait of waits) {
        now += wait
        if (gcraWaitMs(given, cell, now) === 0) gcraTake(given, cell, now)
      }
      const remaining = gcraRemaining(given, cell, now)
      for (let i = 0; i < remaining; i++) {
        if (gcraWaitMs(given, cell, now) > 0) return false
        gcraTake(given, cell, now)
      }
      return gcraWaitMs(given, cell, now) > 0
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('however many keys are made up, none gets more than it would alone', async t => {
  const requests = fc.array(
    fc.record({ key: fc.nat(30), wait: fc.oneof(fc.constant(0), fc.nat(20)) }),
    { maxLength: 300, size: 'max' },
  )
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 20 }), requests, (given, maxKeys, list) => {
      const table = new GcraTable(maxKeys)
      const alone = new Map<number, LeakyBucket>()
      let now = 0
      for (const { key, wait } of list) {
        now += wait
        const bucket = alone.get(key) ?? new LeakyBucket(given.intervalMs, given.burst)
        alone.set(key, bucket)
        const cell = table.cell(String(key), now)
        if (gcraWaitMs(given, cell, now) > 0) continue
        gcraTake(given, cell, now)
        // The bucket of the key alone counts what got through: it must never overflow.
        if (!bucket.take(now)) return false
        if (table.size > maxKeys) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.end()
})
