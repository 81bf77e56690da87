import { resolve } from 'node:path'
import type { Case, CaseContext } from '../case.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { run, weftCommand, type Finished } from '../weft/command.ts'
import { installOptions } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  deleteNamespace,
  injected,
  readyPods,
  rolledOut,
} from '../weft/workloads.ts'

const system = 'weft-system'
const namespace = 'install'
const deploy = resolve(import.meta.dirname, '../../../../deploy')

/** As people do it: `weft install | kubectl apply -f -`, Helm, Kustomize, and all of it gone again. */
export const install: Case = {
  name: 'install',
  needs: ['kubectl', 'helm'],
  async run(context) {
    const { report } = context
    const tools = new Tools(context)
    const before = await tools.weft('check', '--pre')
    report.check('weft check --pre finds nothing against it', before.code === 0, before)
    await withKubectl(context, tools)
    await withKustomize(context, tools)
    await withHelm(context, tools)
  },
}

/** Programs of the people who run clusters. */
class Tools {
  readonly #environment: Readonly<Record<string, string>>
  readonly #kubectl: string
  readonly #helm: string

  constructor({ cluster, extras, folder }: CaseContext) {
    this.#environment = { KUBECONFIG: cluster.kubeconfig, HOME: folder }
    this.#kubectl = extras.kubectl ?? ''
    this.#helm = extras.helm ?? ''
  }

  kubectl(command: readonly string[], input = ''): Promise<Finished> {
    return run([this.#kubectl, ...command], { input, environment: this.#environment })
  }

  helm(...command: string[]): Promise<Finished> {
    return run([this.#helm, ...command], { environment: this.#environment })
  }

  weft(...command: string[]): Promise<Finished> {
    const options = [...command, '--kubectl', this.#kubectl]
    return weftCommand(options, { environment: this.#environment })
  }
}

/**
 * The CA was written into the webhook meanwhile; of a PodDisruptionBudget `kubectl apply` never says anything else, since
 * its selector is replaced as a whole.
 */
const alwaysConfigured = /^(mutatingwebhookconfiguration|poddisruptionbudget)\./

async function withKubectl(context: CaseContext, tools: Tools): Promise<void> {
  const { cluster, report } = context
  const { api } = cluster
  // Without the address of the cluster's DNS: it is looked up.
  const options = installOptions(2).slice(0, -2)
  const manifests = await tools.weft('install', ...options)
  report.check(
    'weft install finds the DNS of the cluster',
    manifests.errors.includes('kube-system/kube-dns'),
    manifests.errors,
  )
  const applied = await tools.kubectl(['apply', '-f', '-'], manifests.output)
  report.check('weft install | kubectl apply', applied.code === 0, applied)
  await controlPlaneIsReady(context)
  const again = await tools.kubectl(['apply', '-f', '-'], manifests.output)
  const changed = again.output
    .split('\n')
    .filter(line => line !== '' && !line.endsWith('unchanged'))
  const others = changed.filter(line => !alwaysConfigured.test(line))
  report.check('applied again, nothing changes', others.length === 0, others)

  await createNamespace(api, namespace, injected)
  await createDeployment(api, { name: 'web', namespace })
  await rolledOut(api, namespace, 'web')
  const check = await tools.weft('check')
  report.check('weft check finds nothing wrong', check.code === 0, check.output)

  const early = await tools.weft('uninstall')
  report.check('weft uninstall waits for pods with sidecars', early.code !== 0, early)
  await deleteNamespace(api, namespace)
  const removals = await tools.weft('uninstall')
  const removed = await tools.kubectl(['delete', '--ignore-not-found', '-f', '-'], removals.output)
  report.check('weft uninstall | kubectl delete', removed.code === 0, removed)
  await nothingIsLeft(context, 'weft uninstall')
}

async function withKustomize({ report }: CaseContext, tools: Tools): Promise<void> {
  const built = await tools.kubectl(['kustomize', resolve(deploy, 'kustomize/example')])
  report.check('kubectl builds the Kustomize example', built.code === 0, built.errors)
  const base = resolve(deploy, 'kustomize/base')
  const applied = await tools.kubectl(['apply', '--dry-run=client', '-k', base])
  report.check('kubectl takes the Kustomize base', applied.code === 0, applied.errors)
}

async function withHelm(context: CaseContext, tools: Tools): Promise<void> {
  const { report } = context
  const chart = resolve(deploy, 'helm/weft')
  const where = ['--namespace', system]
  const settings = ['--set=image=weft:suite,autoscaling.enabled=false,replicas=2']
  const bad = await tools.helm('template', 'weft', chart, '--set=replicsa=2')
  report.check('helm refuses a setting that there is not', bad.code !== 0, bad.output.slice(0, 200))
  const installed = await tools.helm(
    'install',
    'weft',
    chart,
    ...where,
    '--create-namespace',
    ...settings,
  )
  report.check('helm install', installed.code === 0, installed.errors)
  await controlPlaneIsReady(context)
  const check = await tools.weft('check')
  report.check(
    'weft check finds nothing wrong with what Helm installed',
    check.code === 0,
    check.output,
  )
  const gone = await tools.helm('uninstall', 'weft', ...where, '--wait')
  report.check('helm uninstall', gone.code === 0, gone.errors)
  const removals = await tools.weft('uninstall')
  await tools.kubectl(['delete', '--ignore-not-found', '-f', '-'], removals.output)
  await nothingIsLeft(context, 'helm uninstall and weft uninstall')
}

async function controlPlaneIsReady({ cluster: { api } }: CaseContext): Promise<void> {
  await rolledOut(api, system, 'weft-control')
  await waitFor('two replicas', async () => {
    const path = `/api/v1/namespaces/${system}/pods?labelSelector=app.kubernetes.io/name%3Dweft-control`
    return readyPods(await api.items(path)).length === 2
  })
}

/** Where Weft puts things. */
const places = [
  '/api/v1/namespaces',
  '/api/v1/configmaps',
  '/api/v1/secrets',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  '/apis/coordination.k8s.io/v1/leases',
]

async function nothingIsLeft(
  { cluster: { api }, report }: CaseContext,
  what: string,
): Promise<void> {
  const gone = await waitFor(
    'the namespace is gone',
    async () => (await api.find(`/api/v1/namespaces/${system}`)) === undefined,
  ).catch((error: Error) => error.message)
  const left: string[] = []
  for (const place of places)
    for (const { metadata } of await api.items<KubernetesObject>(place))
      if (/weft/.test(metadata.name))
        left.push(`${place} ${metadata.namespace ?? ''}/${metadata.name}`)
  report.check(`${what} leaves nothing`, gone === true && left.length === 0, { gone, left })
}
