import { parseAllDocuments, stringify } from 'yaml'
import type { Case, CaseContext } from '../case.ts'
import { ApiError, type Api } from '../cluster/api.ts'
import type { KubernetesObject, Pod } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { weftCommand } from '../weft/command.ts'
import { collectionOf, Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  deleteNamespace,
  injected,
  podsOf,
  rolledOut,
} from '../weft/workloads.ts'
import { manifests } from './manifests.ts'

const namespace = 'injection'
const other = 'injection-off'

/** The webhook behind the real API server, and `weft inject` in front of it. */
export const injection: Case = {
  name: 'injection',
  async run(context) {
    const { cluster, report } = context
    const { api } = cluster
    await using weft = await Weft.install(context)
    await createNamespace(api, namespace, {
      ...injected,
      'pod-security.kubernetes.io/enforce': 'restricted',
    })
    await createNamespace(api, other)
    await deployments(context)
    await singlePods(context)
    for (const [name, manifest] of Object.entries(manifests))
      await throughCommand(context, name, manifest)
    await withoutWebhook(context, weft)
    await deleteNamespace(api, namespace)
    await deleteNamespace(api, other)
    report.figure('manifests injected and accepted', Object.keys(manifests).length)
  },
}

const restricted = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}

async function deployments({ cluster: { api }, report }: CaseContext): Promise<void> {
  const container = { securityContext: restricted }
  await createDeployment(api, { name: 'web', namespace, container })
  await createDeployment(api, { name: 'web', namespace: other, container })
  await rolledOut(api, namespace, 'web')
  await rolledOut(api, other, 'web')
  const [on] = await podsOf(api, namespace, 'web')
  const [off] = await podsOf(api, other, 'web')
  const sidecar = on?.spec.initContainers?.find(({ name }) => name === 'weft-proxy')
  report.check(
    'a Deployment of a labelled namespace is injected',
    sidecar?.restartPolicy === 'Always',
    on?.spec,
  )
  report.check('and is ready under the restricted profile', on !== undefined)
  report.check(
    'a Deployment of another namespace is not',
    off?.spec.initContainers === undefined,
    off?.spec,
  )
}

/** What the webhook says to single pods; nothing is kept. */
async function singlePods({ cluster: { api }, report }: CaseContext): Promise<void> {
  const names = async (metadata: object, spec: object = {}): Promise<string[]> => {
    const pod = await dryRun<Pod>(api, `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name: 'single', ...metadata },
      spec: {
        containers: [{ name: 'main', image: 'app:web', securityContext: restricted }],
        ...spec,
      },
    })
    return (pod.spec.initContainers ?? []).map(({ name }) => name)
  }
  report.check('a single pod is injected', (await names({})).includes('weft-proxy'))
  const generated = await names({ name: undefined, generateName: 'single-' })
  report.check('a pod without a name yet is injected', generated.includes('weft-proxy'), generated)
  const optedOut = await names({ labels: { 'weft.dev/inject': 'false' } })
  report.check('a pod that opts out is left alone', optedOut.length === 0, optedOut)
  const refused = await names({ annotations: { 'weft.dev/log-levle': 'info' } }).catch(
    (error: Error) => error,
  )
  report.check(
    'a pod with an unknown annotation is refused with the name that was meant',
    refused instanceof ApiError && refused.message.includes('weft.dev/log-level'),
    refused instanceof Error ? refused.message : refused,
  )
}

/** Text through `weft inject`, then the server's opinion of it. */
async function throughCommand(
  { cluster: { api }, report }: CaseContext,
  name: string,
  manifest: object,
): Promise<void> {
  const once = await inject(stringify(manifest))
  const twice = await inject(once)
  const [document] = parseAllDocuments(once)
  const object = document?.toJS() as KubernetesObject
  const accepted = await dryRun(
    api,
    collectionOf({ ...object, metadata: { ...object.metadata, namespace: other } }),
    object,
  ).then(
    () => '',
    (error: Error) => error.message,
  )
  const isInjected = once.includes('weft-proxy')
  report.check(
    `${name}: injected, accepted, unchanged the second time`,
    isInjected && accepted === '' && once === twice,
    { accepted, isInjected, same: once === twice },
  )
}

async function inject(text: string): Promise<string> {
  return (await weftCommand(['inject', '-f', '-'], { input: text })).output
}

function dryRun<T = KubernetesObject>(api: Api, path: string, object: object): Promise<T> {
  return api.create<T>(`${path}?dryRun=All&fieldValidation=Strict`, object)
}

/** Pods of the mesh wait for the webhook; all others do not. */
async function withoutWebhook(
  { cluster: { api }, report }: CaseContext,
  weft: Weft,
): Promise<void> {
  await api.patch('/apis/apps/v1/namespaces/weft-system/deployments/weft-control', {
    spec: { replicas: 0 },
  })
  await waitFor('the control plane is gone', async () => (await weft.pods()).length === 0)
  const create = (where: string): Promise<string> =>
    dryRun(api, `/api/v1/namespaces/${where}/pods`, {
      metadata: { name: 'alone' },
      spec: { containers: [{ name: 'main', image: 'app:web', securityContext: restricted }] },
    }).then(
      () => 'created',
      (error: Error) => error.message,
    )
  const meshed = await create(namespace)
  report.check(
    'without a webhook no pod of the mesh is created unmeshed',
    meshed.includes('inject.weft.dev'),
    meshed,
  )
  const free = await create(other)
  report.check('without a webhook other namespaces go on', free === 'created', free)
  await api.patch('/apis/apps/v1/namespaces/weft-system/deployments/weft-control', {
    spec: { replicas: 1 },
  })
  await weft.ready()
}
