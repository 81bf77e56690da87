import t from 'tap'
import type { Row } from '../../../../bench/measure/row.ts'
import { resultsTables } from '../../../../bench/report/results-table.ts'

const envoy: Row = {
  case: 'hop-100B',
  subject: 'envoy',
  protocol: 'http1',
  connections: 50,
  streams: 1,
  body: '100B',
  cpuUsPerRequest: 50,
  requestsPerSecond: 15_656,
  p50Ms: 2,
  p99Ms: 8,
  rssBytes: 64 * 1024 * 1024,
  processes: [{ role: 'proxy', cpuUsPerRequest: 50, rssBytes: 64 * 1024 * 1024 }],
}

const weft: Row = {
  ...envoy,
  subject: 'weft',
  cpuUsPerRequest: 20,
  requestsPerSecond: 31_312,
  p50Ms: 1,
  p99Ms: 2,
  processes: [{ role: 'proxy', cpuUsPerRequest: 20, rssBytes: 64 * 1024 * 1024 }],
}

function lineOf(subject: string, rows: readonly Row[]): string | undefined {
  return resultsTables(rows)
    .split('\n')
    .find(line => line.includes(`| ${subject}`))
}

t.test('figures stand as ratios to Envoy with the own ones in brackets', async t => {
  t.equal(
    lineOf('weft', [weft, envoy]),
    '| 50 | weft | 0.40× (20.0) | 2.00× (31,312) | 0.50× (1.00) | 0.25× (2.00) | 1.00× (64) |',
  )
})

t.test('both sidecars of a pair are shown, and their sum is compared', async t => {
  const processes = [
    { role: 'outbound', cpuUsPerRequest: 12, rssBytes: 1 },
    { role: 'inbound', cpuUsPerRequest: 8, rssBytes: 1 },
  ]
  t.match(lineOf('weft', [{ ...weft, processes }, envoy]), '| 0.40× (12.0 + 8.0) |')
})

t.test('without Envoy at the same number of connections there are no ratios', async t => {
  const other = { ...envoy, connections: 500 }
  t.equal(lineOf('weft', [weft, other]), '| 50 | weft | 20.0 | 31,312 | 1.00 | 2.00 | 64 |')
})

t.test('streams stand beside the connections, and other loads are not compared', async t => {
  const row: Row = { ...weft, protocol: 'http2', connections: 10, streams: 10 }
  const other = { ...envoy, connections: 10, streams: 50 }
  t.match(lineOf('weft', [row, other]), '| 10×10 | weft | 20.0 |')
})

t.test('of TCP there are bytes and no latencies', async t => {
  const tcp = { protocol: 'tcp', case: 'hop-tcp' } as const
  const rows = [
    { ...weft, ...tcp },
    { ...envoy, ...tcp },
  ]
  t.match(resultsTables(rows), '| connections | subject | CPU ms/GB | MB/s | RSS MB |')
  t.equal(lineOf('weft', rows), '| 50 | weft | 0.40× (20.0) | 2.00× (31,312) | 1.00× (64) |')
})

t.test('an invalid row is marked and compared with nothing', async t => {
  const invalid = 'Non-2xx or 3xx responses: 17'
  const line = lineOf('weft', [{ ...weft, invalid }, envoy])
  t.match(line, '| weft, **invalid**: Non-2xx or 3xx responses: 17 | 20.0 |')
})

t.test('an invalid Envoy is no reference', async t => {
  const line = lineOf('weft', [weft, { ...envoy, invalid: 'no answer' }])
  t.match(line, '| weft | 20.0 |')
})

t.test('what was not measured is a dash', async t => {
  const none = {
    cpuUsPerRequest: Number.NaN,
    requestsPerSecond: Number.NaN,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
    rssBytes: Number.NaN,
    processes: [],
  }
  t.match(lineOf('weft', [{ ...weft, ...none, invalid: 'ended' }]), '| – | – | – | – | – |')
})

t.test('each case has a table of its own', async t => {
  const tables = resultsTables([weft, { ...weft, case: 'pair-100B' }, envoy])
  t.strictSame(tables.match(/^### .*/gm), ['### hop-100B', '### pair-100B'])
})
