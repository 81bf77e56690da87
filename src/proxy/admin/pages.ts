import { metricFamily } from '../../telemetry/metric-catalog.ts'
import type { AsyncMetricProducer, MetricFamily } from '../../telemetry/metric-family.ts'
import { sumFamilies } from '../../telemetry/metric-sum.ts'
import type { MetricsRegistry } from '../../telemetry/metrics.ts'
import type { AdminPage } from './admin.ts'
import { jsonAnswer, type AdminAnswer } from './answer.ts'
import { breakersPage, setBreakerPage } from './breaker-pages.ts'
import { dnsMetrics } from './dns-metrics.ts'
import { functionMetrics } from './function-metrics.ts'
import { functionLogs, functionPage, placementPage } from './function-pages.ts'
import { shownSnapshot } from './shown-snapshot.ts'
import type { Sidecar } from '../sidecar.ts'

/** Undefined until the mesh has given us a certificate. */
type MaybeSidecar = () => Sidecar | undefined

/** The pages of the admin port. */
export function adminPages(
  sidecar: MaybeSidecar,
  metrics: MetricsRegistry,
): Readonly<Record<string, AdminPage>> {
  const page = (answer: SidecarAnswer): AdminPage['answer'] => whenJoined(sidecar, answer)
  return {
    ...publicPages(sidecar),
    '/config': { method: 'GET', answer: page(running => jsonAnswer(configurationOf(running))) },
    '/clusters': { method: 'GET', answer: page(clustersOf) },
    '/breakers': { method: 'GET', answer: page(({ plane }) => breakersPage(plane)) },
    '/breakers/': {
      method: 'POST',
      answer: page(({ plane }, query, cluster) => setBreakerPage(plane, cluster, query)),
    },
    '/dns': { method: 'GET', answer: page(({ dns }) => jsonAnswer(dns?.status ?? dnsIsOff)) },
    '/function': {
      method: 'GET',
      answer: page(({ functions }) => functionPage(functions)),
    },
    '/function/placement': {
      method: 'GET',
      answer: page(({ functions }) => placementPage(functions)),
    },
    '/function/logs': {
      method: 'GET',
      answer: page(({ functions }, query) => functionLogs(functions, query)),
    },
    '/metrics': {
      method: 'GET',
      answer: async () => ({ status: 200, ...(await metrics.expose()) }),
    },
    '/drain': { method: 'POST', answer: page(startDrain) },
    '/drain/inbound': { method: 'POST', answer: page(drainInbound) },
  }
}

/** Those that anybody may see. */
export function publicPages(sidecar: MaybeSidecar): Readonly<Record<string, AdminPage>> {
  return {
    '/live': { method: 'GET', answer: () => jsonAnswer({ live: true }) },
    '/ready': { method: 'GET', answer: whenJoined(sidecar, readiness) },
  }
}

type SidecarAnswer = (
  running: Sidecar,
  query: URLSearchParams,
  rest: string,
) => AdminAnswer | Promise<AdminAnswer>

function whenJoined(sidecar: MaybeSidecar, answer: SidecarAnswer): AdminPage['answer'] {
  return (query, rest) => {
    const running = sidecar()
    return running === undefined ? joining : answer(running, query, rest)
  }
}

const dnsIsOff = { enabled: false, switchOn: 'dns of the bootstrap, sidecar.dns of the Workload' }

const joining = jsonAnswer({ ready: false, waitingFor: 'a certificate of the mesh' }, 503)

function readiness(sidecar: Sidecar): AdminAnswer {
  const { waitingFor } = sidecar
  return waitingFor === undefined
    ? jsonAnswer({ ready: true })
    : jsonAnswer({ ready: false, waitingFor }, 503)
}

/** Answers at once; the drain goes on, and the process stays until it is told to end. */
function startDrain(sidecar: Sidecar): AdminAnswer {
  void sidecar.drain()
  return jsonAnswer({ draining: true }, 202)
}

/** Answers when it is done, so that whoever ends the application can wait for it: a hook before its end, a script. */
async function drainInbound(sidecar: Sidecar): Promise<AdminAnswer> {
  const inTime = await sidecar.drainInbound()
  return jsonAnswer({ drained: inTime }, inTime ? 200 : 504)
}

function configurationOf({ bootstrap, identity, client, plane }: Sidecar): object {
  const { uri, notBefore, notAfter } = identity.current
  return {
    workload: bootstrap.workload,
    identity: {
      uri,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
    },
    controlPlane: { ...bootstrap.controlPlane, connected: client.connected },
    upstreams: bootstrap.upstreams,
    snapshot: shownSnapshot(plane.snapshot),
  }
}

/** Of one data plane, or of each where there are several. */
async function clustersOf({ plane }: Sidecar): Promise<AdminAnswer> {
  const planes = await plane.clusters()
  const [only] = planes
  return jsonAnswer(planes.length === 1 && only !== undefined ? only : { workers: planes })
}

/** What only the sidecar as a whole knows, besides its traffic. */
export function sidecarMetrics({
  plane,
  identity,
  client,
  snapshotStatus,
  dns,
  functions,
}: Sidecar): AsyncMetricProducer {
  const single = (value: number) => [{ labels: {}, value }]
  function* own(): Iterable<MetricFamily> {
    yield metricFamily('controlPlaneConnected', single(client.connected ? 1 : 0))
    yield metricFamily('certificateExpiry', single(identity.current.notAfter / 1000))
    yield metricFamily('snapshotsRejected', single(snapshotStatus.rejected))
    const { snapshot } = plane
    if (snapshot === undefined) return
    yield metricFamily('snapshotInfo', [{ labels: { version: snapshot.version }, value: 1 }])
    yield metricFamily('snapshotAge', single(snapshotStatus.ageMs() / 1000))
  }
  return async () => {
    const traffic = await plane.metrics()
    return [
      ...(dns === undefined ? traffic : sumFamilies([traffic, [...dnsMetrics(dns)]])),
      ...(functions === undefined ? [] : functionMetrics(functions)),
      ...own(),
    ]
  }
}
