import t from 'tap'
import { errorCodes } from '../../../src/telemetry/outcome-counts.ts'
import { RequestStats } from '../../../src/telemetry/request-stats.ts'

t.test('answers count by class of status', async t => {
  const stats = new RequestStats()
  for (const status of [101, 200, 204, 304, 404, 503]) stats.observe(status, undefined, 1)
  t.strictSame([...stats.byStatusClass], [0, 1, 2, 1, 1, 1])
})

t.test('what is no HTTP status counts in class 0', async t => {
  const stats = new RequestStats()
  for (const status of [0, 99, 600, 999, Number.NaN]) stats.observe(status, undefined, 1)
  t.equal(stats.byStatusClass[0], 5)
})

t.test('a failure counts by its reason only', async t => {
  const stats = new RequestStats()
  for (const code of errorCodes) stats.observe(503, code, 1)
  t.ok(stats.byReason.every(count => count === 1))
  t.ok(stats.byStatusClass.every(count => count === 0))
})

t.test('every request counts in the duration', async t => {
  const stats = new RequestStats()
  stats.observe(200, undefined, 3)
  stats.observe(504, 'upstream_timeout', 1000)
  t.equal(stats.duration.count, 2)
  t.equal(stats.duration.sumMs, 1003)
})
