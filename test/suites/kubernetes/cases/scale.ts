import type { Case, CaseContext } from '../case.ts'
import type { Api } from '../cluster/api.ts'
import type { EndpointSlice } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  deleteNamespace,
  injected,
  MeshClient,
  scale,
} from '../weft/workloads.ts'

const namespace = 'scale'
const client = 'scale-client'
const services = 50
const replicas = 20
const nodeName = 'kwok'

/** A thousand pods that are objects and nothing else: what the control plane makes of them, and how fast. */
export const thousandPods: Case = {
  name: 'thousand-pods',
  needs: ['kwok'],
  async run(context) {
    const { cluster, report } = context
    const { api } = cluster
    await using weft = await Weft.install(context)
    await createNamespace(api, client, injected)
    const mesh = await MeshClient.create(api, client)
    report.figure('control plane without load', await weft.memoryMiB(), 'MiB')
    await using _kwok = await startKwok(context)
    await createNamespace(api, namespace)

    const begun = performance.now()
    for (let index = 0; index < services; index++) await createFake(api, `s${index}`)
    const total = services * replicas
    await waitFor(`${total} pods are ready`, async () => (await readyCount(api)) === total, 300_000)
    const ready = performance.now()
    await waitFor('the sidecar knows them all', async () => (await knownTo(mesh)) === total)
    report.check(`${total} pods reach a sidecar`, true)
    report.figure(
      `${total} pods: made within, sidecar complete after that`,
      `${Math.round((ready - begun) / 1000)} s, ${Math.round(performance.now() - ready)} ms`,
    )
    report.figure(`control plane with ${total} pods`, await weft.memoryMiB(), 'MiB')

    const lag = await lagOfScaling(api, mesh)
    report.check('one more pod is known to the sidecar within 2 s', lag < 2000, `${lag} ms`)
    report.figure(`with ${total} pods: from one more endpoint to the sidecar`, lag, 'ms')

    const times = await replaced(context, weft, mesh)
    report.figure(
      `with ${total} pods: control plane replaced after, sidecar up to date after`,
      times,
    )
    await deleteNamespace(api, namespace, 300_000)
    await waitFor('the sidecar has forgotten them', async () => (await knownTo(mesh)) === 0)
    report.check('all are forgotten when they are deleted', true)
    await deleteNamespace(api, client)
  },
}

async function startKwok({ cluster, extras }: CaseContext): Promise<AsyncDisposable> {
  const labels = { type: nodeName }
  await cluster.api.create('/api/v1/nodes', {
    metadata: { name: nodeName, labels, annotations: { 'kwok.x-k8s.io/node': 'fake' } },
  })
  const daemon = cluster.add('kwok', [
    extras.kwok ?? '',
    `--kubeconfig=${cluster.kubeconfig}`,
    `--manage-nodes-with-label-selector=type=${nodeName}`,
    '--cidr=10.200.0.0/16',
    '--node-ip=172.31.0.9',
  ])
  return {
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]()
      await cluster.api.delete(`/api/v1/nodes/${nodeName}`)
    },
  }
}

async function createFake(api: Api, name: string): Promise<void> {
  // The proxy of ClusterIPs leaves them out: nothing would answer.
  await api.create(`/api/v1/namespaces/${namespace}/services`, {
    metadata: { name, labels: { suite: 'kwok' } },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  })
  await createDeployment(api, {
    name,
    namespace,
    replicas,
    container: { readinessProbe: { tcpSocket: { port: 'http' } } },
    pod: { nodeSelector: { type: nodeName } },
  })
}

async function readyCount(api: Api): Promise<number> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  const slices = await api.items<EndpointSlice>(path)
  return slices
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter(({ conditions }) => conditions?.ready === true).length
}

async function knownTo(mesh: MeshClient): Promise<number> {
  const endpoints = await mesh.endpointsIn(namespace)
  return endpoints.length
}

/** Between the moment that the cluster has one more and the moment that the sidecar has it. */
async function lagOfScaling(api: Api, mesh: MeshClient): Promise<number> {
  const total = services * replicas
  await scale(api, namespace, 's0', replicas + 1)
  await waitFor('one more is ready', async () => (await readyCount(api)) === total + 1)
  const begun = performance.now()
  await waitFor('the sidecar knows it', async () => (await knownTo(mesh)) === total + 1)
  return performance.now() - begun
}

/** What the next control plane does not know at first is the sidecar's to find. */
async function replaced({ cluster }: CaseContext, weft: Weft, mesh: MeshClient): Promise<string> {
  const { api } = cluster
  const begun = performance.now()
  for (const { metadata } of await weft.pods())
    await api.delete(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`)
  await weft.ready()
  const ready = performance.now()
  await scale(api, namespace, 's1', replicas + 1)
  const total = services * replicas + 2
  await waitFor('one more is ready', async () => (await readyCount(api)) === total)
  const changed = performance.now()
  await waitFor('the sidecar is up to date again', async () => (await knownTo(mesh)) === total)
  const took = [ready - begun, performance.now() - changed]
  return took.map(ms => `${Math.round(ms)} ms`).join(', ')
}
