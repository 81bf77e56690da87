import type { ClusterObject } from '../cluster/cluster.ts'
import { installSettings } from '../manifests/install-settings.ts'
import { installation } from '../manifests/installation.ts'
import type { KubernetesManifest } from '../manifests/manifest.ts'
import {
  failure,
  ok,
  some,
  warning,
  type Check,
  type CheckContext,
  type Finding,
} from './finding.ts'

const category = 'cluster'
/** Native sidecars are on by default from there. */
const oldest = { major: 1, minor: 29 }
const skewWarnMs = 30_000
const skewFailMs = 300_000

/** Whether a cluster can have Weft, before and after. */
export const clusterChecks: readonly Check[] = [
  { category, title: 'API server', isVital: true, run: checkVersion },
  { category, title: 'clocks', run: checkClocks },
  { category, title: 'admission webhooks', run: checkAdmission },
  { category, title: 'Gateway API', run: checkGatewayApi },
  { category, title: 'DNS of the cluster', run: checkDns },
]

/** Whether whoever runs this may install it. */
export const permissionChecks: readonly Check[] = [
  { category: 'permissions', title: 'to create what is needed', run: checkCreation },
  { category: 'permissions', title: 'to give rights', run: checkEscalation },
]

async function checkVersion({ cluster }: CheckContext): Promise<Finding> {
  const { status, body } = await cluster.ask('GET', '/version')
  if (status !== 200)
    return failure(`it answers ${status}`, 'see whether `kubectl version` works, and log in again')
  const { major, minor, gitVersion } = body as Readonly<Record<string, string>>
  // Some providers write "29+".
  const number = Number.parseInt(minor ?? '', 10)
  if (Number(major) > oldest.major || number >= oldest.minor) return ok(String(gitVersion))
  return failure(
    `${gitVersion} is older than ${oldest.major}.${oldest.minor}`,
    'upgrade the cluster, or annotate pods with weft.dev/native-sidecar: "false"',
  )
}

async function checkClocks({ cluster, now }: CheckContext): Promise<Finding> {
  const before = now()
  const { serverTime } = await cluster.ask('GET', '/version')
  if (serverTime === undefined) return ok('the API server does not say its time')
  // It says whole seconds, somewhere between question and answer.
  const skewMs = Math.max(0, Math.abs(serverTime - (before + now()) / 2) - 1000)
  const message = `${Math.round(skewMs / 1000)} s between this machine and the API server`
  const hint = 'set the clocks by NTP: certificates and tokens are refused otherwise'
  if (skewMs > skewFailMs) return failure(message, hint)
  return skewMs > skewWarnMs ? warning(message, hint) : ok('agree')
}

interface ApiResources {
  readonly resources?: readonly { readonly name: string }[]
}

async function resourcesOf({ cluster }: CheckContext, group: string): Promise<Set<string>> {
  const found = await cluster.get<ApiResources>(`/apis/${group}`)
  return new Set(found?.resources?.map(({ name }) => name))
}

async function checkAdmission(context: CheckContext): Promise<Finding> {
  const group = 'admissionregistration.k8s.io/v1'
  const resources = await resourcesOf(context, group)
  if (resources.has('mutatingwebhookconfigurations')) return ok('are there')
  return failure(`${group} is not served`, 'switch the admission API on, or use `weft inject`')
}

async function checkGatewayApi(context: CheckContext): Promise<Finding> {
  const resources = await resourcesOf(context, 'gateway.networking.k8s.io/v1')
  const missing = ['httproutes', 'grpcroutes'].filter(name => !resources.has(name))
  if (missing.length === 0) return ok('httproutes and grpcroutes')
  return warning(
    `${missing.join(' and ')} cannot be used`,
    "without routes all goes to a Service's own endpoints; for routes install the CRDs of Gateway API (gateway-api.sigs.k8s.io)",
  )
}

async function checkDns({ cluster }: CheckContext): Promise<Finding> {
  const services = await cluster.list(
    '/api/v1/namespaces/kube-system/services?labelSelector=k8s-app%3Dkube-dns',
  )
  const [first] = services
  if (first === undefined)
    return warning(
      'no Service in kube-system has the label k8s-app=kube-dns',
      'tell `weft install` the addresses of the resolvers: --cluster-dns',
    )
  const { clusterIP = '' } = (first['spec'] ?? {}) as { readonly clusterIP?: string }
  return ok(`${first.metadata.name} at ${clusterIP}`)
}

async function checkCreation(context: CheckContext): Promise<Finding> {
  const denied: string[] = []
  for (const [name, attributes] of neededRights())
    if (!(await isAllowed(context, attributes))) denied.push(name)
  if (denied.length === 0) return ok('all of it')
  return failure(`not allowed to create ${some(denied)}`, 'ask an administrator of the cluster')
}

async function checkEscalation(context: CheckContext): Promise<Finding> {
  const group = 'rbac.authorization.k8s.io'
  const may = await isAllowed(context, { verb: 'escalate', group, resource: 'clusterroles' })
  if (may) return ok('any')
  return warning(
    'you may give only rights that you have yourself',
    'if `kubectl apply` refuses the ClusterRole, ask an administrator of the cluster',
  )
}

interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly namespace?: string
}

function neededRights(): ReadonlyMap<string, ResourceAttributes> {
  const manifests = installation(installSettings.parse({}), '')
  return new Map(manifests.map(({ object }) => [resourceOf(object.kind), attributesOf(object)]))
}

function attributesOf({ apiVersion, kind, metadata }: KubernetesManifest): ResourceAttributes {
  const { namespace } = metadata
  return {
    verb: 'create',
    group: apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '',
    resource: resourceOf(kind),
    ...(namespace !== undefined && { namespace }),
  }
}

/** `networkpolicies` of NetworkPolicy. */
function resourceOf(kind: string): string {
  const name = kind.toLowerCase()
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`
}

async function isAllowed(
  { cluster }: CheckContext,
  resourceAttributes: ResourceAttributes,
): Promise<boolean> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  }
  const { body } = await cluster.ask('POST', path, review)
  const { status } = (body ?? {}) as Pick<ClusterObject, 'status'>
  return (status as { readonly allowed?: boolean } | undefined)?.allowed === true
}
