import type { LatencyHistogram } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface HistogramSample {
  readonly labels: Labels
  readonly histogram: LatencyHistogram
}

/**
 * All series of one metric name, as their owner hands them over at a scrape. Counters end in `_total`.
 * Label values come from configuration and closed tables only, never from a request.
 */
export type MetricFamily =
  | {
      readonly type: 'counter' | 'gauge'
      readonly name: string
      readonly help: string
      readonly samples: readonly Sample[]
      /** What the values of several threads make together. Default `sum`. */
      readonly across?: 'sum' | 'max'
    }
  | {
      readonly type: 'histogram'
      readonly name: string
      readonly help: string
      readonly samples: readonly HistogramSample[]
    }

/** Called at each scrape. */
export type MetricProducer = () => Iterable<MetricFamily>

/** The same where the numbers are on other threads. */
export type AsyncMetricProducer = () => Promise<Iterable<MetricFamily>>
