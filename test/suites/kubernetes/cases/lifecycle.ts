import type { Case, CaseContext } from '../case.ts'
import { keyOf } from '../cluster/api.ts'
import type { KubernetesObject, Pod } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  createService,
  deleteNamespace,
  injected,
  MeshClient,
  podEnded,
  podsOf,
  rolledOut,
  scale,
  setEnvironment,
} from '../weft/workloads.ts'

const namespace = 'life'
const proxy = 'weft-proxy'

/** The life of a Deployment, a Job and a CronJob with native sidecars. */
export const lifecycle: Case = {
  name: 'lifecycle',
  async run(context) {
    const { api } = context.cluster
    await withoutMesh(context)
    await using _weft = await Weft.install(context)
    await createNamespace(api, namespace, injected)
    const client = await MeshClient.create(api, namespace)
    await createService(api, namespace, 'web')
    await createDeployment(api, {
      name: 'web',
      namespace,
      replicas: 3,
      environment: { VERSION: '1' },
    })
    await rolledOut(api, namespace, 'web')
    await waitFor(
      'the client reaches it',
      async () => (await client.ask('http://web/')).status === 200,
    )
    const pods = await podsOf(api, namespace, 'web')
    for (const pod of pods) startsAfterProxy(context, pod)
    await rollingUpdates(context, client)
    await killedSidecar(context, client)
    await jobEnds(context)
    await cronJobEnds(context)
    await deleteNamespace(api, namespace)
  },
}

/** The same load on the same programs, for comparison: how many requests a rolling update costs otherwise. */
async function withoutMesh({ cluster: { api }, report }: CaseContext): Promise<void> {
  const plain = 'life-plain'
  await createNamespace(api, plain)
  const client = await MeshClient.create(api, plain)
  await createService(api, plain, 'web')
  await createDeployment(api, { name: 'web', namespace: plain, replicas: 3 })
  await rolledOut(api, plain, 'web')
  await client.load('http://web/', 4)
  await setEnvironment(api, { namespace: plain, name: 'web' }, { VERSION: '2' })
  await rolledOut(api, plain, 'web')
  await waitFor('the old pods are gone', async () => (await podsOf(api, plain, 'web')).length === 3)
  const { requests, failures, statuses } = await client.stop()
  report.check('without a mesh there is traffic too', (statuses['200'] ?? 0) > 0, statuses)
  report.figure('one rolling update without a mesh: requests, failed', `${requests}, ${failures}`)
  await deleteNamespace(api, plain)
}

/** By the clock of whoever starts them, and by what the application itself sees in its first moment. */
function startsAfterProxy({ kubelet, report }: CaseContext, pod: Pod, container = 'main'): void {
  const key = keyOf(pod)
  const started = kubelet.eventsOf(key, proxy).find(({ what }) => what === 'started')?.atMs
  const begun = kubelet.eventsOf(key, container).find(({ what }) => what === 'runs')?.atMs
  const seen = /proxy: .*/.exec(kubelet.log(key, container))?.[0]
  const holds = started !== undefined && begun !== undefined && started <= begun
  report.check(
    `${pod.metadata.name} starts after its proxy is ready`,
    holds && seen === 'proxy: 200',
    {
      proxy: started,
      application: begun,
      seen,
    },
  )
}

/** Three revisions, one after the other, then fewer and more pods, all under load. */
async function rollingUpdates(context: CaseContext, client: MeshClient): Promise<void> {
  const { cluster, report } = context
  const { api } = cluster
  await client.load('http://web/', 4)
  const begun = performance.now()
  for (const version of ['2', '3', '4']) {
    await setEnvironment(api, { namespace, name: 'web' }, { VERSION: version })
    await rolledOut(api, namespace, 'web')
  }
  const took = performance.now() - begun
  await scale(api, namespace, 'web', 1)
  await rolledOut(api, namespace, 'web')
  await scale(api, namespace, 'web', 3)
  await rolledOut(api, namespace, 'web')
  await waitFor(
    'the old pods are gone',
    async () => (await podsOf(api, namespace, 'web')).length === 3,
  )
  const summary = await client.stop()
  const pods = Object.keys(summary.pods).length
  report.check('no request fails in rolling updates under load', summary.failures === 0, summary)
  report.check('all revisions answered', pods >= 12, summary.pods)
  report.figure('rolling updates: requests, failed', `${summary.requests}, ${summary.failures}`)
  report.figure(
    'rolling updates: pods that answered, slowest answer',
    `${pods}, ${Math.round(summary.slowest)} ms`,
  )
  report.figure('rolling updates: time for one', took / 3000, 's')
}

/** Others take over while it is restarted, and its application goes on. */
async function killedSidecar(context: CaseContext, client: MeshClient): Promise<void> {
  const { cluster, kubelet, report } = context
  const [pod] = await podsOf(cluster.api, namespace, 'web')
  if (pod === undefined) throw new Error('there is no pod')
  const key = keyOf(pod)
  await client.load('http://web/', 4)
  process.kill(kubelet.running(key)?.pidOf(proxy) ?? 0, 'SIGKILL')
  const restarted = (): boolean | undefined =>
    kubelet
      .pod(key)
      ?.status?.initContainerStatuses?.some(
        ({ name, restartCount, started }) => name === proxy && restartCount > 0 && started,
      )
  await waitFor('the sidecar is back', restarted)
  const summary = await client.stop()
  report.check('no request fails when a sidecar is killed', summary.failures === 0, summary)
  report.check(
    'its application was not restarted',
    kubelet.pod(key)?.status?.containerStatuses?.every(({ restartCount }) => restartCount === 0) ??
      false,
  )
  report.figure('killed sidecar: requests, failed', `${summary.requests}, ${summary.failures}`)
}

const jobTemplate = {
  spec: {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: 'app:task', env: [{ name: 'ASK', value: 'http://web/' }] }],
  },
}

async function jobEnds(context: CaseContext): Promise<void> {
  const { cluster, report } = context
  const { api } = cluster
  const begun = performance.now()
  await api.create(`/apis/batch/v1/namespaces/${namespace}/jobs`, {
    metadata: { name: 'once' },
    spec: { backoffLimit: 0, template: { ...jobTemplate, metadata: { labels: { app: 'once' } } } },
  })
  const [pod] = await waitFor('the Job has a pod', async () => {
    const found = await podsOf(api, namespace, 'once')
    return found.length > 0 && found
  })
  if (pod === undefined) return
  const ended = await podEnded(context, keyOf(pod))
  startsAfterProxy(context, ended)
  const log = context.kubelet.log(keyOf(pod), 'main')
  report.check("a Job's first call crosses the mesh", log.includes('http://web/: 200'), log)
  report.check('a Job with a sidecar ends', ended.status?.phase === 'Succeeded', ended.status)
  await waitFor('the Job is complete', async () => {
    type Job = KubernetesObject & { status: { succeeded?: number } }
    return (
      (await api.get<Job>(`/apis/batch/v1/namespaces/${namespace}/jobs/once`)).status.succeeded ===
      1
    )
  })
  const sidecar = ended.status?.initContainerStatuses?.find(({ name }) => name === proxy)
  const { terminated } = (sidecar?.state ?? {}) as { terminated?: { exitCode: number } }
  report.check('its sidecar ends well', terminated?.exitCode === 0, sidecar)
  report.figure('a Job with a sidecar ends after', (performance.now() - begun) / 1000, 's')
}

async function cronJobEnds(context: CaseContext): Promise<void> {
  const { cluster, report } = context
  const { api } = cluster
  const path = `/apis/batch/v1/namespaces/${namespace}/cronjobs`
  const template = { ...jobTemplate, metadata: { labels: { app: 'minutely' } } }
  await api.create(path, {
    metadata: { name: 'minutely' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: { backoffLimit: 0, template } } },
  })
  type CronJob = KubernetesObject & { status: { lastSuccessfulTime?: string } }
  const ended = async (): Promise<boolean> =>
    (await api.get<CronJob>(`${path}/minutely`)).status.lastSuccessfulTime !== undefined
  await waitFor('the CronJob has had a success', ended, 120_000)
  const [pod] = await podsOf(api, namespace, 'minutely')
  if (pod === undefined) throw new Error('the CronJob left no pod')
  startsAfterProxy(context, pod)
  report.check('a CronJob with a sidecar ends', pod.status?.phase === 'Succeeded', pod.status)
  await api.delete(`${path}/minutely`)
}
