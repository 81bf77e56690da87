import { monitorEventLoopDelay } from 'node:perf_hooks'
import { wallNow } from '../base/clock.ts'
import { metricFamily } from './metric-catalog.ts'
import type { MetricProducer, Sample } from './metric-family.ts'

/** Node's `process`, as far as it is measured; handed in by the program's entry. */
export interface ProcessUsage {
  /** µs. */
  cpuUsage(): { readonly user: number; readonly system: number }
  memoryUsage(): { readonly rss: number; readonly heapUsed: number }
  /** Seconds. */
  uptime(): number
}

/** Node's `monitorEventLoopDelay`, in ns. */
export interface DelayHistogram {
  readonly count: number
  readonly max: number
  percentile(percentile: number): number
  reset(): void
}

/** How often the event loop's delay is sampled: seldom, so that an idle sidecar sleeps. */
const resolutionMs = 100

/** The process_* metrics that dashboards expect, and how late the event loop is. */
export function createProcessMetrics(
  usage: ProcessUsage,
  delay: DelayHistogram = startDelayMonitor(),
): MetricProducer {
  const startedAt = wallNow() / 1000 - usage.uptime()
  return () => {
    const cpu = usage.cpuUsage()
    const memory = usage.memoryUsage()
    return [
      {
        name: 'process_cpu_seconds_total',
        help: 'User and system time spent.',
        type: 'counter',
        samples: [unlabelled((cpu.user + cpu.system) / 1e6)],
      },
      {
        name: 'process_resident_memory_bytes',
        help: 'Memory held in RAM.',
        type: 'gauge',
        samples: [unlabelled(memory.rss)],
      },
      {
        name: 'process_start_time_seconds',
        help: 'When the process began, in seconds since 1970.',
        type: 'gauge',
        samples: [unlabelled(startedAt)],
      },
      {
        name: 'nodejs_heap_size_used_bytes',
        help: 'JavaScript heap in use.',
        type: 'gauge',
        samples: [unlabelled(memory.heapUsed)],
      },
      metricFamily('eventLoopDelay', takeDelays(delay)),
    ]
  }
}

function startDelayMonitor(): DelayHistogram {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  return delay
}

function unlabelled(value: number): Sample {
  return { labels: {}, value }
}

function takeDelays(delay: DelayHistogram): Sample[] {
  if (delay.count === 0) return []
  const samples = [
    { labels: { quantile: '0.5' }, value: lateness(delay.percentile(50)) },
    { labels: { quantile: '0.99' }, value: lateness(delay.percentile(99)) },
    { labels: { quantile: '1' }, value: lateness(delay.max) },
  ]
  delay.reset()
  return samples
}

/** Node reports the time between two samples, which the interval is part of. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds - resolutionMs * 1e6) / 1e9
}
