import { errorTable } from '../base/errors.ts'
import type { Labels, MetricFamily, Sample } from './metric-family.ts'
import type { RequestStats } from './request-stats.ts'
import { errorCodes, type OutcomeCounts } from './outcome-counts.ts'

/** One owner of counters: its labels say whose they are (`direction`, `service`, `route`, `cluster`). */
export interface LabelledStats {
  readonly labels: Labels
  readonly stats: RequestStats
}

/** The golden metrics of all routes or clusters of a proxy. */
export function* requestMetrics(owners: readonly LabelledStats[]): Iterable<MetricFamily> {
  yield {
    name: 'weft_requests_total',
    help: 'Requests ended, by class of status and, where the mesh failed them, its reason.',
    type: 'counter',
    samples: owners.flatMap(({ labels, stats }) => outcomes(labels, stats)),
  }
  yield {
    name: 'weft_attempts_total',
    help: 'Tries of requests, by class of status and, where none came, the reason: what retries and hedging made of weft_requests_total.',
    type: 'counter',
    samples: owners.flatMap(({ labels, stats }) => outcomes(labels, stats.attempts)),
  }
  yield {
    name: 'weft_request_duration_seconds',
    help: 'From the head of the request to the end of the answer.',
    type: 'histogram',
    samples: owners.map(({ labels, stats }) => ({ labels, histogram: stats.duration })),
  }
  yield counter('weft_retries_total', 'Attempts after the first.', owners, 'retries')
  yield counter('weft_hedges_total', 'Attempts beside an unanswered one.', owners, 'hedges')
  yield counter('weft_faults_delayed_total', 'Requests delayed by injection.', owners, 'delayed')
  yield counter(
    'weft_request_bytes_total',
    'Bytes of request bodies received.',
    owners,
    'requestBytes',
  )
  yield counter(
    'weft_response_bytes_total',
    'Bytes of response bodies sent.',
    owners,
    'responseBytes',
  )
  yield* tunnelFamilies(owners)
}

const tunnelMetrics = [
  ['opened', 'weft_tunnels_opened_total', 'Tunnels opened: WebSocket, CONNECT, opaque TCP.', 1],
  ['closed', 'weft_tunnels_closed_total', 'Tunnels closed.', 1],
  ['receivedBytes', 'weft_tunnel_received_bytes_total', 'Bytes in tunnels from the client.', 1],
  ['sentBytes', 'weft_tunnel_sent_bytes_total', 'Bytes in tunnels to the client.', 1],
  ['durationMs', 'weft_tunnel_seconds_total', 'How long closed tunnels have lasted.', 1000],
] as const

function tunnelFamilies(owners: readonly LabelledStats[]): MetricFamily[] {
  const used = owners.filter(({ stats }) => stats.tunnels.opened > 0)
  return tunnelMetrics.map(([field, name, help, unit]) => ({
    name,
    help,
    type: 'counter',
    samples: used.map(({ labels, stats }) => ({ labels, value: stats.tunnels[field] / unit })),
  }))
}

function outcomes(labels: Labels, counts: OutcomeCounts): Sample[] {
  const samples: Sample[] = []
  counts.byStatusClass.forEach((value, index) => {
    if (value > 0)
      samples.push({ labels: { ...labels, code_class: `${index}xx`, reason: '' }, value })
  })
  errorCodes.forEach((reason, index) => {
    const value = counts.byReason[index] ?? 0
    if (value === 0) return
    const codeClass = `${Math.floor(errorTable[reason].status / 100)}xx`
    samples.push({ labels: { ...labels, code_class: codeClass, reason }, value })
  })
  return samples
}

function counter(
  name: string,
  help: string,
  owners: readonly LabelledStats[],
  field: 'retries' | 'hedges' | 'delayed' | 'requestBytes' | 'responseBytes',
): MetricFamily {
  const samples = owners.map(({ labels, stats }) => ({ labels, value: stats[field] }))
  return { name, help, type: 'counter', samples }
}
