import t from 'tap'
import { requestMetrics } from '../../../src/telemetry/request-metrics.ts'
import { RequestStats } from '../../../src/telemetry/request-stats.ts'

function families(stats: RequestStats) {
  const owners = [{ labels: { direction: 'outbound', service: 'orders' }, stats }]
  return new Map([...requestMetrics(owners)].map(family => [family.name, family]))
}

t.test('requests are told by class and reason, and only those that occurred', async t => {
  const stats = new RequestStats()
  stats.observe(200, undefined, 1)
  stats.observe(200, undefined, 1)
  stats.observe(403, 'denied', 1)
  const labels = { direction: 'outbound', service: 'orders' }
  t.strictSame(families(stats).get('weft_requests_total')?.samples, [
    { labels: { ...labels, code_class: '2xx', reason: '' }, value: 2 },
    { labels: { ...labels, code_class: '4xx', reason: 'denied' }, value: 1 },
  ])
})

t.test('a failure after the head counts in the class of its reason', async t => {
  const stats = new RequestStats()
  stats.observe(200, 'upstream_reset', 1)
  t.match(families(stats).get('weft_requests_total')?.samples, [
    { labels: { code_class: '5xx', reason: 'upstream_reset' }, value: 1 },
  ])
})

t.test('retries, bytes and duration are there', async t => {
  const stats = new RequestStats()
  stats.retries = 3
  stats.requestBytes = 10
  stats.responseBytes = 20
  const all = families(stats)
  t.match(all.get('weft_retries_total')?.samples, [{ value: 3 }])
  t.match(all.get('weft_request_bytes_total')?.samples, [{ value: 10 }])
  t.match(all.get('weft_response_bytes_total')?.samples, [{ value: 20 }])
  t.match(all.get('weft_request_duration_seconds')?.samples, [{ histogram: stats.duration }])
})
