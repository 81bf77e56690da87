import { createRequire } from 'node:module'
import t from 'tap'
import { LatencyHistogram } from '../../../src/telemetry/histogram.ts'
import { metricFamily } from '../../../src/telemetry/metric-catalog.ts'
import { MetricsRegistry } from '../../../src/telemetry/metrics.ts'

const { cache, resolve } = createRequire(import.meta.url)

t.test('prom-client is loaded by the first scrape, not before', async t => {
  const registry = new MetricsRegistry()
  const file = resolve('prom-client')
  t.notOk(file in cache)
  await registry.expose()
  t.ok(file in cache)
})

t.test('producers are asked at each scrape, in the text format', async t => {
  const registry = new MetricsRegistry()
  let active = 1
  registry.register(() => [
    metricFamily('connectionsActive', [{ labels: { direction: 'inbound' }, value: active }]),
  ])
  const { contentType, body } = await registry.expose()
  t.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(
    body,
    [
      '# HELP weft_connections_active Open connections.',
      '# TYPE weft_connections_active gauge',
      'weft_connections_active{direction="inbound"} 1',
      '',
    ].join('\n'),
  )
  active = 7
  t.match((await registry.expose()).body, 'weft_connections_active{direction="inbound"} 7')
})

t.test('a histogram has cumulative buckets, sum and count', async t => {
  const histogram = new LatencyHistogram()
  for (const ms of [0.4, 0.6, 4, 60_000]) histogram.observe(ms)
  const registry = new MetricsRegistry()
  registry.register(() => [
    {
      name: 'weft_request_duration_seconds',
      help: 'Duration.',
      type: 'histogram',
      samples: [{ labels: { service: 'orders' }, histogram }],
    },
  ])
  const lines = (await registry.expose()).body.split('\n')
  t.equal(lines[1], '# TYPE weft_request_duration_seconds histogram')
  const value = (series: string): number => {
    const line = lines.find(text => text.startsWith(`weft_request_duration_seconds${series} `))
    return Number(line?.split(' ').at(-1))
  }
  t.equal(value('_bucket{service="orders",le="0.0005"}'), 1)
  t.equal(value('_bucket{service="orders",le="0.001"}'), 2)
  t.equal(value('_bucket{service="orders",le="0.0025"}'), 2)
  t.equal(value('_bucket{service="orders",le="10"}'), 3)
  t.equal(value('_bucket{service="orders",le="+Inf"}'), 4)
  t.equal(value('_count{service="orders"}'), 4)
  t.ok(Math.abs(value('_sum{service="orders"}') - 60.005) < 1e-9)
})

t.test('families of one name from several producers are one', async t => {
  const registry = new MetricsRegistry()
  for (const direction of ['inbound', 'outbound'])
    registry.register(() => [metricFamily('requestsActive', [{ labels: { direction }, value: 1 }])])
  const { body } = await registry.expose()
  t.equal(body.split('# TYPE weft_requests_active').length, 2, 'one header')
  t.match(body, 'weft_requests_active{direction="inbound"} 1')
  t.match(body, 'weft_requests_active{direction="outbound"} 1')
})

t.test('a producer that was taken out is not asked', async t => {
  const registry = new MetricsRegistry()
  const remove = registry.register(() => [metricFamily('snapshotAge', [{ labels: {}, value: 1 }])])
  t.match((await registry.expose()).body, 'weft_snapshot_age_seconds 1')
  remove()
  t.notMatch((await registry.expose()).body, 'weft_snapshot_age_seconds')
})

t.test('label values are escaped', async t => {
  const registry = new MetricsRegistry()
  registry.register(() => [
    metricFamily('snapshotInfo', [{ labels: { version: 'a"b\\c\nd' }, value: 1 }]),
  ])
  t.match((await registry.expose()).body, 'version="a\\"b\\\\c\\nd"')
})

t.test('a metric has two thousand series at most', async t => {
  const registry = new MetricsRegistry()
  registry.register(() => [
    metricFamily(
      'endpointEjections',
      Array.from({ length: 5000 }, (_, index) => ({ labels: { cluster: `c${index}` }, value: 1 })),
    ),
  ])
  const { body } = await registry.expose()
  const series = body.split('\n').filter(line => line.startsWith('weft_endpoint_ejections_total{'))
  t.equal(series.length, 2000)
  t.equal(series.at(-1), 'weft_endpoint_ejections_total{cluster="other"} 3001')
})
