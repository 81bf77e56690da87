import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { MetricFamily, Sample } from '../../telemetry/metric-family.ts'
import type { ActivePlugin } from '../plugins/active-plugin.ts'

export function* pluginMetrics(plugins: readonly ActivePlugin[]): Iterable<MetricFamily> {
  if (plugins.length === 0) return
  const samplesOf = (valueOf: (plugin: ActivePlugin) => number): Sample[] =>
    plugins.map(plugin => ({ labels: { plugin: plugin.name }, value: valueOf(plugin) }))
  yield metricFamily(
    'pluginCalls',
    samplesOf(({ counters }) => counters.calls),
  )
  yield metricFamily(
    'pluginErrors',
    samplesOf(({ counters }) => counters.errors),
  )
  yield metricFamily(
    'pluginSlowCalls',
    samplesOf(({ counters }) => counters.slow),
  )
  yield metricFamily(
    'pluginAnswers',
    samplesOf(({ counters }) => counters.answers),
  )
  yield metricFamily(
    'pluginSkipped',
    samplesOf(({ counters }) => counters.skipped),
  )
  yield metricFamily(
    'pluginSeconds',
    samplesOf(({ counters }) => counters.milliseconds / 1000),
  )
}
