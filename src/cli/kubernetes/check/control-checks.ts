import { X509Certificate } from 'node:crypto'
import type { Cluster, ClusterObject } from '../cluster/cluster.ts'
import { customGroup, customResources } from '../manifests/custom-resources.ts'
import {
  controlName,
  systemNamespace,
  trustBundleName,
  webhookName,
} from '../../../control/kubernetes/cluster-names.ts'
import {
  failure,
  ok,
  some,
  warning,
  type Check,
  type CheckContext,
  type Finding,
} from './finding.ts'

const category = 'control plane'
const dayMs = 86_400_000
const daysWarn = 30
const installHint = 'run `weft install | kubectl apply -f -`'

/** Whether the control plane that is installed does its work. */
export const controlChecks: readonly Check[] = [
  { category, title: 'CRDs', run: checkDefinitions },
  { category, title: 'replicas', isVital: true, run: checkDeployment },
  { category, title: 'leader', run: checkLeader },
  { category, title: 'certificate authority', run: checkAuthority },
  { category, title: 'injector', run: checkWebhook },
  { category, title: 'configuration', run: checkConfiguration },
]

interface Conditional extends ClusterObject {
  readonly status?: { readonly conditions?: readonly Condition[] }
}

interface Condition {
  readonly type: string
  readonly status: string
  readonly message?: string
}

function conditionOf({ status }: Conditional, type: string): Condition | undefined {
  return status?.conditions?.find(condition => condition.type === type)
}

async function checkDefinitions({ cluster, version }: CheckContext): Promise<Finding> {
  const missing: string[] = []
  const others: string[] = []
  for (const plural of customResources) {
    const name = `${plural}.${customGroup}`
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`
    const found = await cluster.get<Conditional>(path)
    if (found === undefined || conditionOf(found, 'Established')?.status !== 'True')
      missing.push(name)
    else if (found.metadata.labels?.['app.kubernetes.io/version'] !== version) others.push(name)
  }
  const hint = 'run `weft install --crds-only | kubectl apply -f -`'
  if (missing.length > 0) return failure(`not established: ${missing.join(', ')}`, hint)
  if (others.length > 0) return warning(`of another version: ${others.join(', ')}`, hint)
  return ok(`${customResources.length}, of version ${version}`)
}

interface Deployment extends ClusterObject {
  readonly spec: {
    readonly replicas?: number
    readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } }
  }
  readonly status?: { readonly availableReplicas?: number; readonly updatedReplicas?: number }
}

async function checkDeployment({ cluster, version }: CheckContext): Promise<Finding> {
  const path = `/apis/apps/v1/namespaces/${systemNamespace}/deployments/${controlName}`
  const found = await cluster.get<Deployment>(path)
  if (found === undefined) return failure(`there is no Deployment ${controlName}`, installHint)
  const { replicas = 1, template } = found.spec
  const available = found.status?.availableReplicas ?? 0
  const message = `${available} of ${replicas} available, ${template.spec.containers[0]?.image}`
  const look = `kubectl -n ${systemNamespace} describe pods -l app.kubernetes.io/name=${controlName}`
  if (available === 0) return failure(message, `look why: ${look}`)
  if (available < replicas) return warning(message, `look why: ${look}`)
  const installed = found.metadata.labels?.['app.kubernetes.io/version']
  if (installed === version) return ok(message)
  return warning(`${message}; it is of version ${installed}, this is ${version}`, installHint)
}

interface Lease extends ClusterObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly renewTime?: string
    readonly leaseDurationSeconds?: number
  }
}

async function checkLeader({ cluster }: CheckContext): Promise<Finding> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/${controlName}`
  const hint = `look for "lease" in the log: kubectl -n ${systemNamespace} logs deployment/${controlName}`
  const { status, body, serverTime } = await cluster.ask('GET', path)
  if (status !== 200) return failure('there is no Lease: no replica writes into the cluster', hint)
  const { spec } = body as Lease
  const { holderIdentity: holder = '', renewTime = '', leaseDurationSeconds = 15 } = spec ?? {}
  if (holder === '') return failure('nobody holds the Lease', hint)
  const ageMs = (serverTime ?? Number.NaN) - Date.parse(renewTime)
  // Whoever wrote it last may have had another clock; beyond a minute nobody writes it any more.
  if (ageMs > leaseDurationSeconds * 1000 + 60_000)
    return failure(`${holder} has not renewed the Lease for ${Math.round(ageMs / 1000)} s`, hint)
  return ok(holder)
}

interface ConfigMap extends ClusterObject {
  readonly data?: Readonly<Record<string, string>>
}

/** PEM; undefined where there is none. */
export async function trustBundleIn(
  cluster: Pick<Cluster, 'get'>,
  namespace: string,
): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${trustBundleName}`
  const found = await cluster.get<ConfigMap>(path)
  return found?.data?.['trust-bundle.pem']
}

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

async function checkAuthority({ cluster, now }: CheckContext): Promise<Finding> {
  const bundle = await trustBundleIn(cluster, systemNamespace)
  if (bundle === undefined)
    return failure(
      `there is no ConfigMap ${systemNamespace}/${trustBundleName}`,
      'the leader writes it: see whether there is one',
    )
  const ends = (bundle.match(pem) ?? []).map(text => Date.parse(new X509Certificate(text).validTo))
  const days = Math.floor((Math.min(...ends) - now()) / dayMs)
  const hint = 'put a new CA into the Secret weft-ca and restart the control plane, then the pods'
  if (!Number.isFinite(days)) return failure('the trust bundle holds no certificate', hint)
  if (days < 1) return failure('its certificate has ended, or ends today', hint)
  if (days < daysWarn) return warning(`its certificate ends in ${days} days`, hint)
  return ok(`its certificate is good for ${days} days`)
}

interface WebhookConfiguration extends ClusterObject {
  readonly webhooks?: readonly {
    readonly name: string
    readonly clientConfig: { readonly caBundle?: string }
  }[]
}

async function checkWebhook({ cluster }: CheckContext): Promise<Finding> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookName}`
  const found = await cluster.get<WebhookConfiguration>(path)
  const webhooks = found?.webhooks ?? []
  if (webhooks.length === 0)
    return failure(`there is no MutatingWebhookConfiguration ${webhookName}`, installHint)
  const bundle = await trustBundleIn(cluster, systemNamespace)
  const wrong = webhooks.filter(({ clientConfig: { caBundle = '' } }) => {
    return Buffer.from(caBundle, 'base64').toString() !== bundle
  })
  if (wrong.length === 0) return ok(`${webhooks.length} webhooks, with the CA`)
  return failure(
    `the API server does not know its CA: ${wrong.map(({ name }) => name).join(', ')}`,
    'the leader writes it within a minute: until then pods that are to have a sidecar are refused',
  )
}

async function checkConfiguration({ cluster, namespace }: CheckContext): Promise<Finding> {
  const refused: string[] = []
  for (const plural of customResources) {
    const within = namespace === undefined ? '' : `/namespaces/${namespace}`
    const objects = await cluster.list<Conditional>(
      `/apis/${customGroup}/v1alpha1${within}/${plural}`,
    )
    for (const object of objects) {
      const condition = conditionOf(object, 'Accepted')
      const name = `${plural}/${object.metadata.name} in ${object.metadata.namespace}`
      if (condition?.status === 'False') refused.push(`${name} (${condition.message})`)
    }
  }
  if (refused.length === 0) return ok('everything of weft.dev is in use')
  return warning(
    `not in use: ${some(refused)}`,
    'change them; `kubectl get weft -A -o wide` shows all',
  )
}
