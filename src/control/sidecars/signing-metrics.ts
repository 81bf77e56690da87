import type { MetricProducer } from '../../telemetry/metric-family.ts'
import type { Signing } from './signing.ts'

/** Why certificates were denied. */
export function signingMetrics({ refusals }: Pick<Signing, 'refusals'>): MetricProducer {
  return () => [
    {
      type: 'counter',
      name: 'weft_control_certificate_refusals_total',
      help: 'Requests for a certificate that were denied, by why.',
      samples: Object.entries(refusals).map(([reason, value]) => ({ labels: { reason }, value })),
    },
  ]
}
