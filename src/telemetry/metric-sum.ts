import { LatencyHistogram } from './histogram.ts'
import type { HistogramSample, Labels, MetricFamily, Sample } from './metric-family.ts'

/** What several owners of the same metrics have counted, as if it were one. Gauges by their own rule. */
export function sumFamilies(owners: readonly (readonly MetricFamily[])[]): MetricFamily[] {
  const byName = new Map<string, MetricFamily[]>()
  for (const family of owners.flat()) {
    const same = byName.get(family.name)
    if (same === undefined) byName.set(family.name, [family])
    else same.push(family)
  }
  return [...byName.values()].map(sumFamily)
}

function sumFamily(families: readonly MetricFamily[]): MetricFamily {
  const [first] = families
  if (first === undefined) throw new Error('a family without a member')
  if (first.type === 'histogram') {
    const samples = families.flatMap(family => (family.type === 'histogram' ? family.samples : []))
    return { ...first, samples: groupByLabels(samples).map(sumHistograms) }
  }
  const samples = families.flatMap(family => (family.type === 'histogram' ? [] : family.samples))
  const isMax = first.type === 'gauge' && first.across === 'max'
  return { ...first, samples: groupByLabels(samples).map(isMax ? greatest : sumValues) }
}

function groupByLabels<S extends { readonly labels: Labels }>(samples: readonly S[]): S[][] {
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify(labels))
  return [...groups.values()]
}

function sumValues(group: readonly Sample[]): Sample {
  return { labels: labelsOf(group), value: group.reduce((sum, { value }) => sum + value, 0) }
}

function greatest(group: readonly Sample[]): Sample {
  return { labels: labelsOf(group), value: Math.max(...group.map(({ value }) => value)) }
}

function sumHistograms(group: readonly HistogramSample[]): HistogramSample {
  const histogram = new LatencyHistogram()
  for (const sample of group) histogram.add(sample.histogram)
  return { labels: labelsOf(group), histogram }
}

function labelsOf(group: readonly { readonly labels: Labels }[]): Labels {
  return group[0]?.labels ?? {}
}
