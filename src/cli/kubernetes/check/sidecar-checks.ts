import type { ClusterObject } from '../cluster/cluster.ts'
import {
  injectLabel,
  proxyName,
  systemNamespace,
  systemNamespaces,
} from '../../../control/kubernetes/cluster-names.ts'
import { trustBundleIn } from './control-checks.ts'
import {
  failure,
  ok,
  some,
  warning,
  type Check,
  type CheckContext,
  type Finding,
} from './finding.ts'

const category = 'sidecars'

/** Whether what is to be in the mesh is in it. */
export const sidecarChecks: readonly Check[] = [
  { category, title: 'labels of namespaces', run: checkLabels },
  { category, title: 'trust bundle', run: checkBundles },
  { category, title: 'pods without', run: checkMissing },
  { category, title: 'ready', run: checkReady },
  { category, title: 'versions', run: checkVersions },
]

interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
}

interface Pod extends ClusterObject {
  readonly spec: {
    readonly hostNetwork?: boolean
    readonly containers: readonly { readonly name: string }[]
    readonly initContainers?: readonly { readonly name: string }[]
  }
  readonly status?: {
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}

async function namespacesOf({ cluster, namespace }: CheckContext): Promise<ClusterObject[]> {
  const all = await cluster.list('/api/v1/namespaces')
  return all.filter(
    ({ metadata: { name } }) =>
      !systemNamespaces.includes(name) && (namespace === undefined || name === namespace),
  )
}

/** Of those that have not ended. */
async function podsOf({ cluster, namespace }: CheckContext): Promise<Pod[]> {
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`
  const living = 'status.phase!=Succeeded,status.phase!=Failed'
  return cluster.list<Pod>(`/api/v1${within}/pods?fieldSelector=${encodeURIComponent(living)}`)
}

async function labelledNamespaces(context: CheckContext): Promise<string[]> {
  const namespaces = await namespacesOf(context)
  return namespaces
    .filter(({ metadata }) => metadata.labels?.[injectLabel] === 'enabled')
    .map(({ metadata }) => metadata.name)
}

async function checkLabels(context: CheckContext): Promise<Finding> {
  const namespaces = await namespacesOf(context)
  const valueOf = ({ metadata }: ClusterObject) => metadata.labels?.[injectLabel]
  const wrong = namespaces.filter(namespace => {
    const value = valueOf(namespace)
    return value !== undefined && value !== 'enabled' && value !== 'disabled'
  })
  if (wrong.length > 0)
    return warning(
      some(wrong.map(namespace => `${namespace.metadata.name} has ${valueOf(namespace)}`)),
      `on a namespace ${injectLabel} is "enabled" or "disabled"; anything else means nothing`,
    )
  const { length } = await labelledNamespaces(context)
  if (length > 0) return ok(`${length} of ${namespaces.length} get sidecars`)
  return warning(
    'no namespace gets sidecars',
    `kubectl label namespace NAME ${injectLabel}=enabled`,
  )
}

async function checkBundles(context: CheckContext): Promise<Finding> {
  const { cluster } = context
  const expected = await trustBundleIn(cluster, systemNamespace)
  const names = await labelledNamespaces(context)
  const wrong: string[] = []
  for (const name of names) if ((await trustBundleIn(cluster, name)) !== expected) wrong.push(name)
  if (expected !== undefined && wrong.length === 0) return ok('in each of these namespaces')
  return failure(
    `missing, or an old one, in ${some(wrong)}`,
    'pods do not start without it; the leader writes it, see whether there is one',
  )
}

function hasSidecar({ spec }: Pod): boolean {
  const { containers, initContainers = [] } = spec
  return [...containers, ...initContainers].some(({ name }) => name === proxyName)
}

/** `namespace/name` */
function nameOf({ metadata: { namespace, name } }: ClusterObject): string {
  return `${namespace}/${name}`
}

async function checkMissing(context: CheckContext): Promise<Finding> {
  const labelled = new Set(await labelledNamespaces(context))
  const missing = (await podsOf(context)).filter(
    pod => labelled.has(pod.metadata.namespace ?? '') && !hasSidecar(pod) && wantsOne(pod),
  )
  if (missing.length === 0) return ok('none')
  return warning(
    some(missing.map(nameOf)),
    'they were made before the label was: restart them (kubectl rollout restart deployment -n NAME)',
  )
}

function wantsOne({ metadata, spec }: Pod): boolean {
  const { annotations, labels } = metadata
  const wish = annotations?.[injectLabel] ?? labels?.[injectLabel]
  return wish !== 'false' && wish !== 'disabled' && spec.hostNetwork !== true
}

async function checkReady(context: CheckContext): Promise<Finding> {
  const pods = (await podsOf(context)).filter(hasSidecar)
  const unready = pods.filter(({ status }) => {
    const { containerStatuses = [], initContainerStatuses = [] } = status ?? {}
    const all = [...containerStatuses, ...initContainerStatuses]
    return all.find(({ name }) => name === proxyName)?.ready !== true
  })
  if (unready.length === 0) return ok(`all ${pods.length}`)
  return warning(
    `${unready.length} of ${pods.length} are not: ${some(unready.map(nameOf))}`,
    `see what they say: kubectl logs -n NAMESPACE POD -c ${proxyName}`,
  )
}

async function checkVersions(context: CheckContext): Promise<Finding> {
  const pods = (await podsOf(context)).filter(hasSidecar)
  const others = pods.filter(pod => sidecarVersion(pod) !== context.version)
  if (others.length === 0) return ok(pods.length === 0 ? 'there are none' : context.version)
  return warning(
    `${others.length} are not of ${context.version}: ${some(others.map(nameOf))}`,
    'restart them once the control plane is of the newer version',
  )
}

function sidecarVersion({ metadata }: Pod): unknown {
  const text = metadata.annotations?.['weft.dev/status'] ?? '{}'
  try {
    return (JSON.parse(text) as { readonly version?: unknown }).version
  } catch {
    // Somebody has written something else there; it is the version that is not known then.
    return undefined
  }
}
