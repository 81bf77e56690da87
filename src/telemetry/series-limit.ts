import type { HistogramSample, Labels, MetricFamily, Sample } from './metric-family.ts'
import { LatencyHistogram } from './histogram.ts'

/**
 * Holds a family to `max` series. Counters and histograms beyond are added up in one series whose labels all
 * read `other`; gauges beyond are left out, for their sum means nothing.
 */
export function limitSeries(family: MetricFamily, max: number): MetricFamily {
  const surplus = family.samples.length - max
  if (surplus <= 0) return family
  if (family.type === 'histogram') {
    const kept = family.samples.slice(0, max - 1)
    return { ...family, samples: [...kept, mergeHistograms(family.samples.slice(max - 1))] }
  }
  if (family.type === 'gauge') return { ...family, samples: family.samples.slice(0, max) }
  const kept = family.samples.slice(0, max - 1)
  return { ...family, samples: [...kept, addUp(family.samples.slice(max - 1))] }
}

function addUp(samples: readonly Sample[]): Sample {
  const value = samples.reduce((total, sample) => total + sample.value, 0)
  return { labels: otherLabels(samples), value }
}

function mergeHistograms(samples: readonly HistogramSample[]): HistogramSample {
  const merged = new LatencyHistogram()
  for (const { histogram } of samples) merged.add(histogram)
  return { labels: otherLabels(samples), histogram: merged }
}

function otherLabels(samples: readonly { readonly labels: Labels }[]): Labels {
  const names = Object.keys(samples[0]?.labels ?? {})
  return Object.fromEntries(names.map(name => [name, 'other']))
}
