import type { Identity } from '../identity/identity.ts'
import { metricFamily } from '../telemetry/metric-catalog.ts'
import type { MetricFamily, MetricProducer } from '../telemetry/metric-family.ts'
import type { ControlCounters } from './control-counters.ts'
import type { MeshStatus } from './status.ts'

export interface ControlMetricsSource {
  readonly counters: ControlCounters
  readonly status: () => MeshStatus
  readonly identity: () => Identity
  readonly scaling: () => readonly FunctionScaling[]
}

/** Of one function that the control plane starts. */
interface FunctionScaling {
  readonly function: string
  readonly wanted: number
  readonly ready: number
}

const counterTexts: Readonly<Record<keyof ControlCounters, { name: string; help: string }>> = {
  pushes: { name: 'weft_control_pushes_total', help: 'Snapshots and deltas sent.' },
  acks: { name: 'weft_control_acks_total', help: 'Pushes that sidecars took over.' },
  nacks: { name: 'weft_control_nacks_total', help: 'Pushes that sidecars refused.' },
  stalled: {
    name: 'weft_control_stalled_streams_total',
    help: 'Streams ended because a push was not answered.',
  },
  refused: { name: 'weft_control_refused_total', help: 'Requests of sidecars that were refused.' },
  protocolErrors: {
    name: 'weft_control_protocol_errors_total',
    help: 'Streams ended by what does not belong to the protocol.',
  },
  handshakeFailures: {
    name: 'weft_control_handshake_failures_total',
    help: 'TLS handshakes that came to nothing.',
  },
  certificates: { name: 'weft_control_certificates_total', help: 'Certificates issued.' },
}

/** The control plane's own numbers, when scraped. */
export function controlMetrics(source: ControlMetricsSource): MetricProducer {
  return function* produce() {
    for (const [key, { name, help }] of Object.entries(counterTexts)) {
      const value = source.counters[key as keyof ControlCounters]
      yield { type: 'counter', name, help, samples: [{ labels: {}, value }] }
    }
    const { sidecars, configuration } = source.status()
    yield gauge('weft_control_sidecars_connected', 'Sidecars with a live stream.', {
      value: sidecars.filter(({ connected }) => connected).length,
    })
    yield gauge('weft_control_sidecars_synced', 'Connected sidecars on their newest version.', {
      value: sidecars.filter(({ synced }) => synced === true).length,
    })
    yield gauge('weft_control_configuration_problems', 'Problems of an edit not taken over.', {
      value: configuration.problems.length,
    })
    yield metricFamily(
      'functionHosts',
      source.scaling().flatMap(({ function: name, wanted, ready }) => [
        { labels: { function: name, state: 'wanted' }, value: wanted },
        { labels: { function: name, state: 'ready' }, value: ready },
      ]),
    )
    yield metricFamily('certificateExpiry', [
      { labels: {}, value: source.identity().notAfter / 1000 },
    ])
  }
}

function gauge(name: string, help: string, { value }: { value: number }): MetricFamily {
  return { type: 'gauge', name, help, samples: [{ labels: {}, value }] }
}
