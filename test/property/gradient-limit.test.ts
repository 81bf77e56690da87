import fc from 'fast-check'
import t from 'tap'
import { ConcurrencyLimit } from '../../src/resilience/concurrency-limit.ts'
import { GradientLimit } from '../../src/resilience/gradient-limit.ts'

interface Server {
  /** Requests that it works on at a time; others wait in it. */
  readonly workers: number
  readonly serviceMs: number
}

interface Outcome {
  readonly servedPerSecond: number
  readonly meanLatencyMs: number
  readonly refused: number
}

/**
 * A server with one queue before its workers, under an open load of `offered` times what it can do for `seconds`, seen
 * in steps of 1 ms; figures are of the second half.
 */
function simulate({ workers, serviceMs }: Server, offered: number, seconds: number): Outcome {
  const limit = new ConcurrencyLimit(1)
  const gradient = new GradientLimit(
    { minLimit: 3, maxLimit: 1000, tolerance: 0.25, windowMs: 100, probeIntervalMs: 5000 },
    limit,
    16_384,
  )
  const busy: { readonly endsAt: number; readonly since: number }[] = []
  const waiting: number[] = []
  const arrivalsPerMs = (offered * workers) / serviceMs
  const half = (seconds * 1000) / 2
  let due = 0
  let served = 0
  let latencies = 0
  let refused = 0
  for (let now = 0; now < seconds * 1000; now++) {
    while (busy[0] !== undefined && busy[0].endsAt <= now) {
      const { since } = busy.shift() ?? { since: now }
      gradient.observe(now - since, now)
      limit.release()
      if (now < half) continue
      served++
      latencies += now - since
    }
    for (due += arrivalsPerMs; due >= 1; due--) {
      if (limit.tryAcquire()) waiting.push(now)
      else if (now >= half) refused++
    }
    while (busy.length < workers && waiting.length > 0)
      busy.push({ endsAt: now + serviceMs, since: waiting.shift() ?? now })
  }
  return {
    servedPerSecond: served / (seconds / 2),
    meanLatencyMs: latencies / Math.max(1, served),
    refused,
  }
}

const server = fc.record({
  workers: fc.integer({ min: 4, max: 60 }),
  serviceMs: fc.integer({ min: 5, max: 50 }),
})

t.test('beyond capacity a server does its most, and nobody waits for long', async t => {
  let worst = 1
  fc.assert(
    fc.property(server, fc.double({ min: 1.5, max: 4, noNaN: true }), (given, offered) => {
      const { servedPerSecond, meanLatencyMs } = simulate(given, offered, 12)
      const capacity = (given.workers * 1000) / given.serviceMs
      worst = Math.min(worst, servedPerSecond / capacity)
      return servedPerSecond > 0.9 * capacity && meanLatencyMs < 6 * given.serviceMs
    }),
    { numRuns: 60 },
  )
  t.ok(worst > 0.9, `the worst is ${worst}`)
})

t.test('within capacity hardly anything is refused', async () => {
  fc.assert(
    fc.property(server, fc.double({ min: 0.1, max: 0.7, noNaN: true }), (given, offered) => {
      const { servedPerSecond, refused } = simulate(given, offered, 12)
      return refused < 0.02 * servedPerSecond * 6
    }),
    { numRuns: 60 },
  )
})
