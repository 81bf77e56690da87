import t from 'tap'
import { binMs, IdleHistogram, rangeMs } from '../../../../src/functions/scaling/idle-histogram.ts'

function histogramOf(times: readonly number[]): IdleHistogram {
  const histogram = new IdleHistogram()
  for (const time of times) histogram.observe(time)
  return histogram
}

t.test('percentiles are the edges of the bin that they lie in', async t => {
  const histogram = histogramOf(Array.from({ length: 100 }, (_, i) => (i + 0.5) * binMs))
  t.strictSame(histogram.percentile(0.05), { lowMs: 4 * binMs, highMs: 5 * binMs })
  t.strictSame(histogram.percentile(0.99), { lowMs: 98 * binMs, highMs: 99 * binMs })
  t.strictSame(histogram.percentile(1), { lowMs: 99 * binMs, highMs: 100 * binMs })
})

t.test('what is beyond the range is counted apart', async t => {
  const histogram = histogramOf([rangeMs, rangeMs * 9, 0, rangeMs - 1])
  t.equal(histogram.samples, 4)
  t.equal(histogram.beyondShare, 0.5)
  t.strictSame(histogram.percentile(1), { lowMs: rangeMs - binMs, highMs: rangeMs })
})

t.test('the variation tells a pattern from none', async t => {
  t.equal(new IdleHistogram().variation, 0)
  t.ok(histogramOf(Array.from({ length: 30 }, () => 10 * binMs)).variation > 15)
  t.equal(histogramOf(Array.from({ length: 240 }, (_, i) => i * binMs)).variation, 0)
})

t.test('the mean of a cost is over all samples', async t => {
  const histogram = histogramOf([10, 10, rangeMs * 2])
  t.equal(
    histogram.mean(idleMs => idleMs),
    (2 * 0.5 * binMs + rangeMs) / 3,
  )
  t.equal(
    new IdleHistogram().mean(() => 1),
    0,
  )
})

t.test('old habits fade', async t => {
  const histogram = histogramOf(Array.from({ length: 5000 }, () => 10 * binMs))
  t.ok(histogram.samples < 1024)
  for (let i = 0; i < 5000; i++) histogram.observe(30 * binMs)
  t.equal(histogram.percentile(0.05).lowMs, 30 * binMs)
})

t.test('what is no time is no sample', async t => {
  t.equal(histogramOf([Number.NaN, -1]).samples, 0)
})
