import t from 'tap'
import { createProcessMetrics } from '../../../src/telemetry/process-metrics.ts'

const usage = {
  cpuUsage: () => ({ user: 1_500_000, system: 500_000 }),
  memoryUsage: () => ({ rss: 1000, heapUsed: 400 }),
  uptime: () => 60,
}

function values(families: Iterable<{ name: string; samples: readonly object[] }>) {
  return Object.fromEntries([...families].map(({ name, samples }) => [name, samples]))
}

t.test('usage is told in base units', async t => {
  const now = Date.now() / 1000
  const metrics = values(createProcessMetrics(usage)())
  t.strictSame(metrics['process_cpu_seconds_total'], [{ labels: {}, value: 2 }])
  t.strictSame(metrics['process_resident_memory_bytes'], [{ labels: {}, value: 1000 }])
  t.strictSame(metrics['nodejs_heap_size_used_bytes'], [{ labels: {}, value: 400 }])
  const [started] = metrics['process_start_time_seconds'] as { value: number }[]
  t.ok(started && Math.abs(started.value - (now - 60)) < 5)
})

t.test('the delay of the event loop is told without the sampling interval', async t => {
  let count = 0
  const delay = {
    get count() {
      return count
    },
    max: 350e6,
    percentile: (percentile: number) => (percentile === 50 ? 99.9e6 : 150e6),
    reset: () => (count = 0),
  }
  const produce = createProcessMetrics(usage, delay)
  const samples = () => values(produce())['weft_event_loop_delay_seconds']
  t.strictSame(samples(), [], 'not sampled yet')
  count = 20
  t.match(samples(), [
    { labels: { quantile: '0.5' }, value: 0 },
    { labels: { quantile: '0.99' }, value: 0.05 },
    { labels: { quantile: '1' }, value: 0.25 },
  ])
  t.equal(count, 0, 'a scrape starts afresh')
})
