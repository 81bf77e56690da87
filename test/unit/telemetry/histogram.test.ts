import t from 'tap'
import { LatencyHistogram, bucketBoundsSeconds } from '../../../src/telemetry/histogram.ts'

t.test('an observation falls into the first bucket whose bound it does not exceed', async t => {
  for (const [index, bound] of bucketBoundsSeconds.entries()) {
    const histogram = new LatencyHistogram()
    histogram.observe(bound * 1000)
    histogram.observe(bound * 1000 + 0.001)
    t.equal(histogram.counts[index], 1, `up to ${bound} s`)
    t.equal(histogram.counts[index + 1], 1, `above ${bound} s`)
  }
})

t.test('it keeps sum and count', async t => {
  const histogram = new LatencyHistogram()
  for (const ms of [0, 1.5, 20_000]) histogram.observe(ms)
  t.equal(histogram.sumMs, 20_001.5)
  t.equal(histogram.count, 3)
})

t.test('a quantile lies in the bucket of its observation', async t => {
  const histogram = new LatencyHistogram()
  for (let i = 0; i < 90; i++) histogram.observe(4)
  for (let i = 0; i < 10; i++) histogram.observe(80)
  const median = histogram.quantile(0.5)
  t.ok(median > 2.5 && median <= 5, `p50 ${median}`)
  t.equal(histogram.quantile(0.9), 5)
  const p99 = histogram.quantile(0.99)
  t.ok(p99 > 75 && p99 <= 100, `p99 ${p99}`)
})

t.test('a quantile beyond the last bound is the last bound, of nothing it is NaN', async t => {
  const histogram = new LatencyHistogram()
  t.ok(Number.isNaN(histogram.quantile(0.5)))
  histogram.observe(60_000)
  t.equal(histogram.quantile(0.5), 10_000)
})

t.test('adding up is the same as having observed all', async t => {
  const [a, b, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()]
  for (const ms of [1, 30]) a.observe(ms)
  for (const ms of [2, 99_999]) b.observe(ms)
  for (const ms of [1, 30, 2, 99_999]) both.observe(ms)
  a.add(b)
  t.strictSame(a, both)
})
