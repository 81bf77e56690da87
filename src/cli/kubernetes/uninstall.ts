import { CommandError } from '../command-error.ts'
import { version } from '../version.ts'
import { Cluster, type ClusterObject, type ClusterOptions } from './cluster/cluster.ts'
import type { Output } from './install.ts'
import { installSettings } from './manifests/install-settings.ts'
import { installation } from './manifests/installation.ts'
import { formatManifests, type KubernetesManifest, type Manifest } from './manifests/manifest.ts'
import {
  authoritySecretName,
  controlName,
  injectLabel,
  proxyName,
  systemNamespace,
  trustBundleName,
} from '../../control/kubernetes/cluster-names.ts'

export interface UninstallFlags extends ClusterOptions {
  /** Even where pods still have sidecars. */
  readonly force?: boolean
}

/** In this order: nothing new may begin, and the control plane may not put back what is taken away. */
const firstKinds = [
  'MutatingWebhookConfiguration',
  'ClusterRoleBinding',
  'RoleBinding',
  'HorizontalPodAutoscaler',
  'Deployment',
]
/** With its namespace everything else in it goes. */
const lastKinds = ['CustomResourceDefinition', 'Namespace']

/**
 * `weft uninstall`: YAML for `kubectl delete --ignore-not-found -f -`, with what the control plane made while it ran.
 * @throws CommandError when the cluster cannot be asked, or still has sidecars
 */
export async function uninstall(flags: UninstallFlags, output: Output): Promise<number> {
  await using cluster = await Cluster.open(flags)
  const pods = await cluster.list('/api/v1/pods')
  const meshed = pods.filter(hasSidecar)
  if (meshed.length > 0 && flags.force !== true) throw stillMeshed(meshed)
  const ours = new URLSearchParams({
    fieldSelector: `metadata.name=${trustBundleName}`,
    labelSelector: 'app.kubernetes.io/managed-by=weft',
  })
  const bundles = await cluster.list(`/api/v1/configmaps?${ours.toString()}`)
  const namespaces = await cluster.list('/api/v1/namespaces')
  await output.output(formatManifests(removals(bundles)))
  for (const { metadata } of namespaces.filter(isLabelled))
    output.report(
      `the label is yours to take: kubectl label namespace ${metadata.name} ${injectLabel}-`,
    )
  return 0
}

/** Everything that `weft install` can bring, with any settings, and that came of it. */
function removals(bundles: readonly ClusterObject[]): Manifest[] {
  const settings = installSettings.parse({})
  const made = installation(settings, version).map(({ comment, object }) => ({
    comment: comment.split('\n')[0] ?? '',
    object: referenceTo(object),
  }))
  const first = firstKinds.flatMap(kind => made.filter(({ object }) => object.kind === kind))
  const last = lastKinds.flatMap(kind => made.filter(({ object }) => object.kind === kind))
  const others = made.filter(manifest => !first.includes(manifest) && !last.includes(manifest))
  return [...first, ...others, ...madeAtRunTime(bundles), ...last]
}

function madeAtRunTime(bundles: readonly ClusterObject[]): Manifest[] {
  const own = { namespace: systemNamespace }
  return [
    {
      comment:
        'The key of the CA. With it goes every identity: pods that keep their sidecars cannot talk.',
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: authoritySecretName, ...own },
      },
    },
    {
      comment: 'Which replica wrote into the cluster.',
      object: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: controlName, ...own },
      },
    },
    ...bundles.map(({ metadata: { name, namespace = '' } }) => ({
      comment: `Trust bundle for the pods of ${namespace}.`,
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } },
    })),
  ]
}

function referenceTo({ apiVersion, kind, metadata }: KubernetesManifest): KubernetesManifest {
  const { name, namespace } = metadata
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } }
}

interface PodSpec {
  readonly containers?: readonly { readonly name: string }[]
  readonly initContainers?: readonly { readonly name: string }[]
}

function hasSidecar({ spec }: ClusterObject): boolean {
  const { containers = [], initContainers = [] } = (spec ?? {}) as PodSpec
  return [...containers, ...initContainers].some(({ name }) => name === proxyName)
}

function isLabelled({ metadata }: ClusterObject): boolean {
  const value = metadata.labels?.[injectLabel]
  return value !== undefined && metadata.name !== systemNamespace
}

function stillMeshed(pods: readonly ClusterObject[]): CommandError {
  const counts = Map.groupBy(pods, ({ metadata }) => metadata.namespace ?? '')
  const lines = [...counts].map(([namespace, { length }]) => `  ${namespace}: ${length}`)
  return new CommandError(
    [
      `${pods.length} pods still have a sidecar, which cannot work without the control plane:`,
      ...lines,
      'Take the labels away and restart them first (kubectl label namespace NAME weft.dev/inject-, then',
      'kubectl rollout restart deployment -n NAME), or say --force.',
    ].join('\n'),
  )
}
