import t from 'tap'
import { LatencyHistogram } from '../../../src/telemetry/histogram.ts'
import type { MetricFamily } from '../../../src/telemetry/metric-family.ts'
import { sumFamilies } from '../../../src/telemetry/metric-sum.ts'

function family(name: string, across: 'sum' | 'max', values: Record<string, number>): MetricFamily {
  const samples = Object.entries(values).map(([cluster, value]) => ({ labels: { cluster }, value }))
  return { name, help: name, type: 'gauge', across, samples }
}

t.test('values of the same labels are added, others stay apart', async t => {
  const sums = sumFamilies([
    [family('a', 'sum', { x: 1, y: 2 })],
    [family('a', 'sum', { y: 3, z: 4 }), family('b', 'sum', { x: 9 })],
  ])
  t.strictSame(
    sums.map(({ name, samples }) => ({ name, samples })),
    [
      {
        name: 'a',
        samples: [
          { labels: { cluster: 'x' }, value: 1 },
          { labels: { cluster: 'y' }, value: 5 },
          { labels: { cluster: 'z' }, value: 4 },
        ],
      },
      { name: 'b', samples: [{ labels: { cluster: 'x' }, value: 9 }] },
    ],
  )
})

t.test('what all threads see alike is taken once', async t => {
  const [state] = sumFamilies([
    [family('state', 'max', { x: 2 })],
    [family('state', 'max', { x: 0 })],
  ])
  t.match(state?.samples, [{ value: 2 }])
})

t.test('histograms become one, also those that came from another thread', async t => {
  const histograms = [1, 1, 400].map(ms => {
    const histogram = new LatencyHistogram()
    histogram.observe(ms)
    return structuredClone(histogram)
  })
  const owners = histograms.map((histogram): MetricFamily[] => [
    { name: 'd', help: 'd', type: 'histogram', samples: [{ labels: {}, histogram }] },
  ])
  const [sum] = sumFamilies(owners)
  t.match(sum?.samples, [{ histogram: { count: 3, sumMs: 402 } }])
})
