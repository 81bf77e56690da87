import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { Labels, MetricFamily, Sample } from '../../telemetry/metric-family.ts'
import { requestMetrics, type LabelledStats } from '../../telemetry/request-metrics.ts'
import { mirrorOutcomes } from '../../telemetry/mirror-stats.ts'
import type { RequestStats } from '../../telemetry/request-stats.ts'
import type { DataPlane } from '../data-plane.ts'
import { policyMetrics } from './policy-metrics.ts'
import type { ActiveCluster } from '../upstream/cluster.ts'
import { pluginMetrics } from './plugin-metrics.ts'
import type { Listener } from '../listener/listener.ts'
import type { DetectionStats } from '../listener/plain-listener.ts'

/** One side of the proxy as far as it is counted. */
interface MeasuredSide {
  readonly direction: 'inbound' | 'outbound'
  readonly clusters: ReadonlyMap<string, ActiveCluster>
  readonly unrouted: RequestStats
  readonly passthrough?: { readonly stats: RequestStats }
  readonly listeners: readonly Listener[]
}

const breakerStates = { closed: 0, 'half-open': 1, open: 2 } as const

/** The protocols that connections were taken for; those of clients that said nothing apart. */
function detectionMetrics({ connections, silent }: DetectionStats): MetricFamily {
  const sample = (protocol: string, by: string, value: number): Sample => ({
    labels: { protocol, by },
    value,
  })
  return metricFamily('protocolDetections', [
    sample('http/1.1', 'bytes', connections['http/1.1']),
    sample('h2', 'bytes', connections.h2),
    sample('tcp', 'bytes', connections.tcp - silent),
    sample('tcp', 'silence', silent),
    sample('tls', 'bytes', connections.tls),
  ])
}

/** Turns the numbers of a data plane into metrics, when scraped. */
export function* planeMetrics(plane: DataPlane): Iterable<MetricFamily> {
  const { inbound, outbound, inboundListener, outboundListeners, activator } = plane
  const sides: readonly MeasuredSide[] = [
    {
      direction: 'outbound',
      ...statsOf(outbound),
      passthrough: outbound.passthrough,
      listeners: outboundListeners,
    },
    { direction: 'inbound', ...statsOf(inbound), listeners: [inboundListener.listener] },
  ]
  yield* requestMetrics(sides.flatMap(labelledStats))
  yield* clusterMetrics(sides.filter(side => side.direction === 'outbound'))
  yield metricFamily(
    'connectionsActive',
    sides.map(({ direction, listeners }) => ({
      labels: { direction },
      value: listeners.reduce((sum, listener) => sum + listener.connections, 0),
    })),
  )
  yield detectionMetrics(outbound.detections)
  yield* resilienceMetrics(plane)
  const single = (value: number): Sample[] => [{ labels: {}, value }]
  yield metricFamily('activationsWaiting', single(activator.waiting))
  const { held, failed } = activator.counters
  yield metricFamily('activations', [
    { labels: { outcome: 'held' }, value: held },
    { labels: { outcome: 'failed' }, value: failed },
  ])
  yield* policyMetrics(inbound.policies)
  yield* pluginMetrics(plane.plugins)
  yield metricFamily('plainConnections', single(inboundListener.plainConnections))
  yield metricFamily('handshakeFailures', single(inboundListener.handshakeFailures))
}

function* resilienceMetrics({ inbound, outbound, overload }: DataPlane): Iterable<MetricFamily> {
  yield metricFamily('overloadPressure', [{ labels: {}, value: overload.pressure }])
  yield metricFamily('overloadShed', [{ labels: {}, value: overload.shed }])
  const clusters = [...outbound.clusters.values(), ...inbound.clusters.values()]
  const adaptive = clusters.filter(({ gradient }) => gradient !== undefined)
  yield metricFamily(
    'concurrencyLimit',
    adaptive.map(cluster => ({ labels: labelsOf(cluster), value: cluster.limit.max })),
  )
  yield metricFamily(
    'requestsQueued',
    clusters.flatMap(cluster => {
      const value = cluster.queue?.length
      return value === undefined ? [] : [{ labels: labelsOf(cluster), value }]
    }),
  )
  yield metricFamily(
    'routeCircuitBreakerState',
    [...outbound.routeBreakers.all].map(([route, { breaker }]) => ({
      labels: { route },
      value: breakerStates[breaker.state],
    })),
  )
}

function statsOf<T extends Pick<MeasuredSide, 'clusters' | 'unrouted'>>({
  clusters,
  unrouted,
}: T): Pick<T, 'clusters' | 'unrouted'> {
  return { clusters, unrouted }
}

function labelledStats({
  direction,
  clusters,
  unrouted,
  passthrough,
}: MeasuredSide): LabelledStats[] {
  const owners = [...clusters.values()].map(cluster => ({
    labels: { direction, cluster: cluster.name },
    stats: cluster.stats,
  }))
  return [
    ...owners,
    { labels: { direction, cluster: '' }, stats: unrouted },
    ...(passthrough === undefined
      ? []
      : [{ labels: { direction, cluster: 'passthrough' }, stats: passthrough.stats }]),
  ]
}

function* clusterMetrics(sides: readonly MeasuredSide[]): Iterable<MetricFamily> {
  const clusters = sides.flatMap(side => [...side.clusters.values()])
  const samplesOf = (valueOf: (cluster: ActiveCluster) => number): Sample[] =>
    clusters.map(cluster => ({ labels: labelsOf(cluster), value: valueOf(cluster) }))
  yield metricFamily(
    'circuitBreakerState',
    samplesOf(cluster => breakerStates[cluster.breaker.state]),
  )
  yield metricFamily(
    'endpointEjections',
    samplesOf(cluster => cluster.ejections),
  )
  yield metricFamily('mirroredRequests', clusters.flatMap(mirrorSamples))
  yield metricFamily('endpoints', clusters.flatMap(endpointSamples))
  yield metricFamily(
    'requestsActive',
    samplesOf(cluster => cluster.endpoints.reduce((sum, endpoint) => sum + endpoint.active, 0)),
  )
}

function endpointSamples(cluster: ActiveCluster): Sample[] {
  const available = cluster.endpoints.filter(endpoint => endpoint.available).length
  return [
    { labels: { ...labelsOf(cluster), state: 'available' }, value: available },
    {
      labels: { ...labelsOf(cluster), state: 'unavailable' },
      value: cluster.endpoints.length - available,
    },
  ]
}

/** Of those that are mirrored to only: the others would be many series of zeros. */
function mirrorSamples(cluster: ActiveCluster): Sample[] {
  const { ended } = cluster.mirrors
  if (mirrorOutcomes.every(outcome => ended[outcome] === 0)) return []
  return mirrorOutcomes.map(outcome => ({
    labels: { ...labelsOf(cluster), outcome },
    value: ended[outcome],
  }))
}

function labelsOf(cluster: ActiveCluster): Labels {
  return { cluster: cluster.name }
}
