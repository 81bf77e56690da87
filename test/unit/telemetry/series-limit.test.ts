import t from 'tap'
import { LatencyHistogram } from '../../../src/telemetry/histogram.ts'
import type { MetricFamily } from '../../../src/telemetry/metric-family.ts'
import { limitSeries } from '../../../src/telemetry/series-limit.ts'

function family(type: 'counter' | 'gauge', count: number): MetricFamily {
  const samples = Array.from({ length: count }, (_, index) => ({
    labels: { route: `r${index}`, direction: 'outbound' },
    value: index,
  }))
  return { name: 'weft_things_total', help: 'Things.', type, samples }
}

t.test('a family within the limit stays as it is', async t => {
  const counters = family('counter', 3)
  t.equal(limitSeries(counters, 3), counters)
})

t.test('counters beyond the limit are added up as other', async t => {
  t.strictSame(limitSeries(family('counter', 5), 3).samples, [
    { labels: { route: 'r0', direction: 'outbound' }, value: 0 },
    { labels: { route: 'r1', direction: 'outbound' }, value: 1 },
    { labels: { route: 'other', direction: 'other' }, value: 2 + 3 + 4 },
  ])
})

t.test('gauges beyond the limit are left out', async t => {
  t.strictSame(
    limitSeries(family('gauge', 5), 3).samples.map(sample => sample.labels['route']),
    ['r0', 'r1', 'r2'],
  )
})

t.test('histograms beyond the limit are added up as other', async t => {
  const samples = [1, 2, 3].map(ms => {
    const histogram = new LatencyHistogram()
    histogram.observe(ms)
    return { labels: { route: `r${ms}` }, histogram }
  })
  const limited = limitSeries({ name: 'd', help: 'D.', type: 'histogram', samples }, 2)
  t.match(limited.samples, [
    { labels: { route: 'r1' }, histogram: { count: 1 } },
    { labels: { route: 'other' }, histogram: { count: 2, sumMs: 5 } },
  ])
  t.equal(limited.samples.length, 2)
})
