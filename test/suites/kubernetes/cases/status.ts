import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case, CaseContext } from '../case.ts'
import type { Api } from '../cluster/api.ts'
import type { Condition, KubernetesObject } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { containerName, Weft } from '../weft/weft.ts'
import { createNamespace, createService, deleteNamespace } from '../weft/workloads.ts'

const namespace = 'status'
const routes = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes`

/** Conditions are written by one of two replicas, and by the other after its end. */
export const status: Case = {
  name: 'status',
  needs: ['gateway-api'],
  async run(context) {
    const { cluster, report } = context
    const { api } = cluster
    await installGatewayApi(context)
    await using weft = await Weft.install(context, 2)
    await createNamespace(api, namespace)
    await createService(api, namespace, 'web')
    const good = await conditionsOf(api, 'good', 'web')
    report.check('a good route is Accepted', good['Accepted']?.status === 'True', good)
    report.check('its references are resolved', good['ResolvedRefs']?.status === 'True', good)
    const bad = await conditionsOf(api, 'bad', 'nobody')
    report.check(
      'a route to a Service that there is not says BackendNotFound',
      bad['ResolvedRefs']?.status === 'False' && bad['ResolvedRefs'].reason === 'BackendNotFound',
      bad,
    )
    await staysAsItIs(context)
    await leaderKilled(context, weft)
    await deleteNamespace(api, namespace)
  },
}

async function installGatewayApi({ cluster: { api }, extras }: CaseContext): Promise<void> {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  for (const name of ['httproutes', 'grpcroutes']) {
    const file = join(extras['gateway-api'] ?? '', `gateway.networking.k8s.io_${name}.yaml`)
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const definition = document.toJS() as KubernetesObject | null
      if (definition?.kind !== 'CustomResourceDefinition') continue
      if ((await api.find(`${path}/${definition.metadata.name}`)) === undefined)
        await api.create(path, definition)
    }
    await waitFor(`${name} are served`, () => api.get(`/apis/gateway.networking.k8s.io/v1/${name}`))
  }
}

type Route = KubernetesObject & {
  readonly status?: {
    readonly parents?: readonly {
      readonly controllerName: string
      readonly conditions: readonly Condition[]
    }[]
  }
}

/** Of a new route, when somebody has written them. */
async function conditionsOf(
  api: Api,
  name: string,
  backend: string,
): Promise<Record<string, Condition>> {
  await api.create(routes, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }],
      rules: [{ backendRefs: [{ name: backend, port: 80 }] }],
    },
  })
  const parent = await waitFor(`${name} has a status`, async () => {
    const { status: found } = await api.get<Route>(`${routes}/${name}`)
    return found?.parents?.find(({ controllerName }) => controllerName === 'weft.dev/controller')
  })
  return Object.fromEntries(parent.conditions.map(condition => [condition.type, condition]))
}

/** A writer that does not compare would write for ever, and so would two of them. */
async function staysAsItIs({ cluster: { api }, report }: CaseContext): Promise<void> {
  const version = async (): Promise<string | undefined> =>
    (await api.get<Route>(`${routes}/good`)).metadata.resourceVersion
  const before = await version()
  await sleep(3_000)
  const after = await version()
  report.check('what is as it should be is not written again', before === after, { before, after })
}

/** As when its machine fails: its lease is not given back. */
async function leaderKilled(
  { cluster: { api }, kubelet, report }: CaseContext,
  weft: Weft,
): Promise<void> {
  const leader = await waitFor('there is a leader', () => weft.leader())
  const begun = performance.now()
  process.kill(kubelet.running(`weft-system/${leader}`)?.pidOf(containerName) ?? 0, 'SIGKILL')
  await api.delete(`/api/v1/namespaces/weft-system/pods/${leader}`, { gracePeriodSeconds: 0 })
  await conditionsOf(api, 'later', 'web')
  const took = (performance.now() - begun) / 1000
  const next = await weft.leader()
  report.check('after the death of the leader another one writes', next !== leader, {
    leader,
    next,
  })
  report.check('within 25 s', took < 25, took)
  report.figure('the next leader writes after', took, 's')
  await weft.ready(2)
}
