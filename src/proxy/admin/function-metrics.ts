import type { FunctionHosting } from '../../functions/function-hosting.ts'
import type { FunctionHost } from '../../functions/function-host.ts'
import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { Labels, MetricFamily } from '../../telemetry/metric-family.ts'
import { instanceState, instanceStates } from './function-pages.ts'

type VersionCounter = keyof FunctionHost['counters']

const versionCounters = {
  functionInvocations: 'invocations',
  functionFaults: 'faults',
  functionThrottled: 'throttled',
  functionColdStarts: 'coldStarts',
  functionFailedStarts: 'failedStarts',
} as const satisfies Record<string, VersionCounter>

const eventOutcomes = [
  'enqueued',
  'duplicates',
  'refused',
  'delivered',
  'retried',
  'throttled',
  'deadLettered',
  'expired',
  'dropped',
] as const

/** Of the function that a sidecar hosts: each version, and the queue of its events. */
export function* functionMetrics({ versions, events }: FunctionHosting): Iterable<MetricFamily> {
  const { function: hosted } = versions
  if (hosted === undefined) return
  const { name, namespace } = hosted
  const labels = { function: name, namespace }
  const hosts = [...versions.hosts].map(([version, host]) => ({
    labels: { ...labels, version },
    host,
  }))
  for (const [family, counter] of Object.entries(versionCounters))
    yield metricFamily(
      family as keyof typeof versionCounters,
      hosts.map(({ labels: own, host }) => ({ labels: own, value: host.counters[counter] })),
    )
  yield metricFamily(
    'functionInstances',
    hosts.flatMap(({ labels: own, host }) => instanceSamples(own, host)),
  )
  yield metricFamily(
    'functionQueued',
    hosts.map(({ labels: own, host }) => ({ labels: own, value: host.queued })),
  )
  const { counters } = events
  if (counters === undefined) return
  yield metricFamily(
    'functionEvents',
    eventOutcomes.map(outcome => ({ labels: { ...labels, outcome }, value: counters[outcome] })),
  )
  yield metricFamily('functionEventsWaiting', [{ labels, value: counters.depth }])
  yield metricFamily('functionEventsAge', [{ labels, value: counters.oldestAgeMs / 1000 }])
}

function instanceSamples(labels: Labels, { instances }: FunctionHost) {
  return instanceStates.map(state => ({
    labels: { ...labels, state },
    value: instances.filter(instance => instanceState(instance) === state).length,
  }))
}
