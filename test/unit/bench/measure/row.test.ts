import t from 'tap'
import type { Measurement } from '../../../../bench/measure/measurement.ts'
import { median, summarize } from '../../../../bench/measure/row.ts'

const key = {
  case: 'pair-100B',
  subject: 'weft',
  protocol: 'http1',
  connections: 50,
  streams: 1,
  body: '100B',
} as const

function round(cpuUs: readonly [number, number], requestsPerSecond: number): Measurement {
  const [outbound, inbound] = cpuUs
  return {
    requestsPerSecond,
    p50Ms: 1,
    p99Ms: 3,
    processes: [
      { role: 'outbound', cpuUsPerRequest: outbound, rssBytes: 1000 },
      { role: 'inbound', cpuUsPerRequest: inbound, rssBytes: 500 },
    ],
  }
}

t.test('the median does not care for order and halves an even number of values', async t => {
  t.equal(median([9, 1, 4]), 4)
  t.equal(median([10, 9, 1, 4]), 6.5)
  t.ok(Number.isNaN(median([])))
})

t.test('a row holds medians over the rounds, of each sidecar and of both together', async t => {
  const rounds = [round([10, 20], 300), round([14, 12], 100), round([12, 16], 200)]
  t.strictSame(summarize(key, rounds), {
    ...key,
    cpuUsPerRequest: 28,
    requestsPerSecond: 200,
    p50Ms: 1,
    p99Ms: 3,
    rssBytes: 1500,
    processes: [
      { role: 'outbound', cpuUsPerRequest: 12, rssBytes: 1000 },
      { role: 'inbound', cpuUsPerRequest: 16, rssBytes: 500 },
    ],
  })
})

t.test('one failed round makes the row invalid', async t => {
  const rounds = [round([10, 20], 300), { ...round([10, 20], 300), invalid: 'no answer' }]
  t.equal(summarize(key, rounds).invalid, 'no answer')
})
