import { LatencyHistogram } from '../../../telemetry/histogram.ts'
import type { MetricProducer } from '../../../telemetry/metric-family.ts'
import type { SkipReason } from '../injection/injection.ts'

const outcomes = ['injected', 'skipped', 'ignored', 'refused', 'invalid', 'failed'] as const

/**
 * `refused`: pods that contradict themselves; `invalid`: bodies that are no review of a pod; `failed`: by a fault of
 * ours; `ignored`: pods that are not being created.
 */
export type CountedOutcome = (typeof outcomes)[number]

/** What came of the requests to the webhook. */
export class AdmissionCounters {
  readonly counts: Record<CountedOutcome, number> = {
    injected: 0,
    skipped: 0,
    ignored: 0,
    refused: 0,
    invalid: 0,
    failed: 0,
  }
  readonly #skipped = new Map<SkipReason, number>()
  readonly #durations = new LatencyHistogram()

  /** @param ms from the head of the request to its answer. */
  count(outcome: CountedOutcome, ms: number): void {
    this.counts[outcome]++
    this.#durations.observe(ms)
  }

  countSkipped(reason: SkipReason): void {
    this.#skipped.set(reason, this.skipped(reason) + 1)
  }

  skipped(reason: SkipReason): number {
    return this.#skipped.get(reason) ?? 0
  }

  readonly produce: MetricProducer = () => [
    {
      type: 'counter',
      name: 'weft_webhook_requests_total',
      help: 'Requests to the injector: injected, skipped, ignored, refused, invalid, failed.',
      samples: outcomes.map(outcome => ({ labels: { outcome }, value: this.counts[outcome] })),
    },
    {
      type: 'counter',
      name: 'weft_webhook_skipped_total',
      help: 'Pods that were left without a sidecar, by why.',
      samples: [...this.#skipped].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      type: 'histogram',
      name: 'weft_webhook_duration_seconds',
      help: 'From the head of a request to the injector to its answer.',
      samples: [{ labels: {}, histogram: this.#durations }],
    },
  ]
}
