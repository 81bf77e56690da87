import type { Case, CaseContext } from '../case.ts'
import type { EndpointSlice } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  createService,
  deleteNamespace,
  injected,
  MeshClient,
  rolledOut,
  scale,
} from '../weft/workloads.ts'

const namespace = 'source'
/** How long a sidecar may go without what the cluster already has. */
const boundMs = 2_000

/** What the cluster has, a sidecar has soon after: through scaling, deletion, and the API server's death. */
export const source: Case = {
  name: 'source',
  async run(context) {
    const { cluster, report } = context
    const { api } = cluster
    await using weft = await Weft.install(context)
    await createNamespace(api, namespace, injected)
    const client = await MeshClient.create(api, namespace)
    await createService(api, namespace, 'web')
    await createDeployment(api, { name: 'web', namespace, replicas: 2 })
    await rolledOut(api, namespace, 'web')
    const lag = await lagOf(context, client)
    report.check('a new Deployment reaches a sidecar', lag < boundMs, `${lag} ms`)
    report.figure('from ready pods to the sidecar', lag, 'ms')

    await scale(api, namespace, 'web', 4)
    await rolledOut(api, namespace, 'web')
    const up = await lagOf(context, client)
    report.check('a Deployment that grew reaches it', up < boundMs, `${up} ms`)
    await scale(api, namespace, 'web', 1)
    await rolledOut(api, namespace, 'web')
    const down = await lagOf(context, client)
    report.check('a Deployment that shrank reaches it', down < boundMs, `${down} ms`)
    report.figure(
      'from scaling up, and down, to the sidecar',
      `${Math.round(up)}, ${Math.round(down)} ms`,
    )

    await serverKilled(context, client)
    await controlPlaneReplaced(context, weft, client)

    await api.delete(`/api/v1/namespaces/${namespace}/services/web`)
    await waitFor(
      'the service is gone',
      async () => (await client.ask('http://web/')).status !== 200,
    )
    report.check(
      'a deleted Service is forgotten',
      (await client.endpointsOf(namespace, 'web')).length === 0,
    )
    const log = await weft.log(1000)
    report.check('nothing has been left out', !/left out/.test(log), log)
    report.check('the control plane may do all that it wants to', !/forbidden/i.test(log), log)
    await deleteNamespace(api, namespace)
  },
}

/** While the API server is away calls go on, and what was changed meanwhile is caught up with. */
async function serverKilled(context: CaseContext, client: MeshClient): Promise<void> {
  const { cluster, report } = context
  await client.load('http://web/', 2)
  await cluster.apiServer.kill()
  await new Promise(resolve => setTimeout(resolve, 3_000))
  const { requests, failures } = await client.seen()
  report.check('calls go on without an API server', requests > 0 && failures === 0, {
    requests,
    failures,
  })
  const begun = performance.now()
  cluster.apiServer.start()
  await cluster.ready()
  const back = performance.now()
  await scale(cluster.api, namespace, 'web', 3)
  await rolledOut(cluster.api, namespace, 'web')
  const lag = await lagOf(context, client, 15_000)
  const summary = await client.stop()
  report.check('what changed after its return reaches the sidecar', lag < 15_000, `${lag} ms`)
  report.check('and no call has failed', summary.failures === 0, summary)
  report.figure(
    'API server back after, sidecar up to date after',
    `${Math.round(back - begun)} ms, ${Math.round(lag)} ms`,
  )
}

/** By a pod with another address, as in every update of Weft. */
async function controlPlaneReplaced(
  context: CaseContext,
  weft: Weft,
  client: MeshClient,
): Promise<void> {
  const { cluster, report } = context
  const { api } = cluster
  await client.load('http://web/', 2)
  const begun = performance.now()
  for (const { metadata } of await weft.pods())
    await api.delete(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`)
  await weft.ready()
  const ready = performance.now()
  await scale(api, namespace, 'web', 2)
  await rolledOut(api, namespace, 'web')
  const lag = await lagOf(context, client, 60_000)
  const summary = await client.stop()
  report.check('sidecars follow a control plane to its new address', lag < 30_000, `${lag} ms`)
  report.check('and no call has failed meanwhile', summary.failures === 0, summary)
  const times = [ready - begun, lag].map(ms => `${Math.round(ms)} ms`)
  report.figure('control plane replaced after, sidecar up to date after', times.join(', '))
}

/** From now until the sidecar has exactly the addresses that the cluster has. */
async function lagOf(
  { cluster: { api } }: CaseContext,
  client: MeshClient,
  withinMs = boundMs * 5,
): Promise<number> {
  const begun = performance.now()
  await waitFor(
    'the sidecar has what the cluster has',
    async () => {
      const [there, here] = await Promise.all([
        readyAddresses(api),
        client.endpointsOf(namespace, 'web'),
      ])
      const own = here.map(({ address }) => address).toSorted()
      if (own.join() === there.join() && here.every(({ mesh }) => mesh !== undefined)) return true
      throw new Error(`it has ${own.join()} instead of ${there.join()}`)
    },
    withinMs,
  )
  return performance.now() - begun
}

async function readyAddresses(api: CaseContext['cluster']['api']): Promise<string[]> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  const slices = await api.items<EndpointSlice>(
    `${path}?labelSelector=kubernetes.io/service-name%3Dweb`,
  )
  const ready = slices
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter(({ conditions }) => conditions?.ready !== false)
  return ready.flatMap(({ addresses }) => addresses).toSorted()
}
