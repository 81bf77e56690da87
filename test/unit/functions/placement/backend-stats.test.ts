import fc from 'fast-check'
import t from 'tap'
import { BackendStats } from '../../../../src/functions/placement/backend-stats.ts'

const success = { outcome: 'success', bytes: 100 } as const

t.test('nothing is known of a backend that was never asked', async t => {
  t.same(new BackendStats().estimate(0), {
    p95Ms: undefined,
    meanMs: undefined,
    meanBytes: undefined,
    errorRate: 0,
    samples: 0,
  })
})

t.test('the 95th percentile is right within 5 %', async () => {
  const latency = fc.double({ min: 1, max: 800_000, noNaN: true })
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), all => {
      const stats = new BackendStats()
      for (const ms of all) stats.observe({ ...success, ms }, 0)
      const sorted = all.toSorted((a, b) => a - b)
      const exact = sorted[Math.ceil(0.95 * all.length) - 1] ?? 0
      const found = stats.estimate(0).p95Ms ?? 0
      return Math.abs(found - exact) <= 0.051 * exact + 1e-6
    }),
  )
})

t.test('latencies beyond all buckets are still numbers', async t => {
  for (const ms of [0, -5, 1e12]) {
    const stats = new BackendStats()
    stats.observe({ ...success, ms }, 0)
    t.ok(Number.isFinite(stats.estimate(0).p95Ms), String(ms))
  }
})

t.test('only failures of the backend count as errors', async t => {
  const stats = new BackendStats()
  for (const outcome of ['success', 'function-error', 'failure', 'failure', 'ignored'] as const)
    stats.observe({ outcome, ms: 10, bytes: 10 }, 0)
  t.match(stats.estimate(0), { errorRate: 0.5, samples: 4, meanMs: 10, meanBytes: 10 })
})

t.test('what is old counts less, and is forgotten in the end', async t => {
  const stats = new BackendStats()
  stats.observe({ outcome: 'failure', ms: 1, bytes: 0 }, 0)
  stats.observe({ ...success, ms: 10 }, 60_000)
  const { errorRate, samples } = stats.estimate(60_000)
  t.ok(Math.abs(errorRate - 1 / 3) < 1e-9)
  t.ok(Math.abs(samples - 1.5) < 1e-9)
  t.equal(stats.estimate(600_000).samples, 0)
})

t.test('weeks of quiet and of traffic change nothing about it', async t => {
  const stats = new BackendStats()
  const hour = 3_600_000
  for (let at = 0; at < 1000 * hour; at += hour) stats.observe({ ...success, ms: 100 }, at)
  const { p95Ms = 0, samples } = stats.estimate(999 * hour)
  t.ok(Math.abs(p95Ms - 100) < 5)
  t.ok(Math.abs(samples - 1) < 1e-6)
})
