import type { Metric } from 'prom-client'
import { bucketBoundsSeconds } from './histogram.ts'
import type {
  AsyncMetricProducer,
  HistogramSample,
  MetricFamily,
  MetricProducer,
  Sample,
} from './metric-family.ts'
import { limitSeries } from './series-limit.ts'

/** Series that one metric may have; see {@link limitSeries}. */
const maxSeries = 2000

/** A line of the exposition as prom-client's registry reads it. */
interface SeriesValue {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What was scraped, ready to be answered. */
export interface Exposition {
  readonly contentType: string
  readonly body: string
}

/** Gathers the numbers of all producers when asked, and only then. */
export class MetricsRegistry {
  readonly #producers = new Set<MetricProducer | AsyncMetricProducer>()

  /** @returns a function that takes the producer out again. */
  register(producer: MetricProducer | AsyncMetricProducer): () => void {
    this.#producers.add(producer)
    return () => this.#producers.delete(producer)
  }

  /** Prometheus' text format. */
  async expose(): Promise<Exposition> {
    // Loaded on the first scrape: it would be a fifth of an idle sidecar's memory.
    const { Registry } = await import('prom-client')
    const registry = new Registry()
    for (const family of await this.#collect())
      registry.registerMetric(new CollectedMetric(limitSeries(family, maxSeries)).asMetric())
    return { contentType: registry.contentType, body: await registry.metrics() }
  }

  /** Families of the same name from several producers become one. */
  async #collect(): Promise<Iterable<MetricFamily>> {
    const families = new Map<string, MetricFamily>()
    const produced = await Promise.all([...this.#producers].map(async producer => producer()))
    for (const some of produced)
      for (const family of some) {
        const former = families.get(family.name)
        families.set(family.name, former === undefined ? family : merge(former, family))
      }
    return families.values()
  }
}

function merge(former: MetricFamily, family: MetricFamily): MetricFamily {
  const samples = [...former.samples, ...family.samples]
  return { ...former, samples } as MetricFamily
}

/**
 * A metric whose values were counted elsewhere. prom-client's own classes count for themselves, and its
 * histogram cannot be set; a registry asks of a metric no more than this.
 */
class CollectedMetric {
  readonly name: string
  readonly help: string
  readonly type: MetricFamily['type']
  readonly aggregator = 'sum'
  readonly values: readonly SeriesValue[]

  constructor(family: MetricFamily) {
    this.name = family.name
    this.help = family.help
    this.type = family.type
    this.values =
      family.type === 'histogram'
        ? family.samples.flatMap(sample => histogramSeries(family.name, sample))
        : family.samples.map(toSeries)
  }

  get(): Promise<CollectedMetric> {
    return Promise.resolve(this)
  }

  /** prom-client types its registry by its classes, not by what the registry uses. */
  asMetric(): Metric<string> {
    return this as unknown as Metric<string>
  }
}

function toSeries({ labels, value }: Sample): SeriesValue {
  return { labels, value }
}

/** Cumulative buckets, sum and count. */
function histogramSeries(name: string, { labels, histogram }: HistogramSample): SeriesValue[] {
  const metricName = `${name}_bucket`
  const series: SeriesValue[] = []
  let cumulative = 0
  bucketBoundsSeconds.forEach((le, index) => {
    cumulative += histogram.counts[index] ?? 0
    series.push({ metricName, labels: { ...labels, le }, value: cumulative })
  })
  series.push(
    { metricName, labels: { ...labels, le: '+Inf' }, value: histogram.count },
    { metricName: `${name}_sum`, labels, value: histogram.sumMs / 1000 },
    { metricName: `${name}_count`, labels, value: histogram.count },
  )
  return series
}
