import type { Case } from '../case.ts'
import { keyOf } from '../cluster/api.ts'
import type { KubernetesObject } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  createService,
  deleteNamespace,
  injected,
  MeshClient,
  podsOf,
  rolledOut,
} from '../weft/workloads.ts'

const namespace = 'transparent'
const metadata = { annotations: { 'weft.dev/mode': 'transparent' } }

/** iptables in the pod, set by `weft init`, bring the application's traffic to its sidecar. */
export const transparent: Case = {
  name: 'transparent',
  async run(context) {
    const { cluster, kubelet, report } = context
    const { api } = cluster
    await using _weft = await Weft.install(context)
    await createNamespace(api, namespace, injected)
    await createService(api, namespace, 'web')
    await createDeployment(api, { name: 'web', namespace, replicas: 2, metadata })
    await rolledOut(api, namespace, 'web')
    const client = await MeshClient.create(api, namespace, metadata)
    await waitFor('it reaches them', async () => (await client.ask('http://web/')).status === 200)
    const { spec } = await api.get<KubernetesObject & { spec: { clusterIP: string } }>(
      `/api/v1/namespaces/${namespace}/services/web`,
    )
    const byAddress = await client.ask(`http://${spec.clusterIP}/`)
    report.check('a ClusterIP leads through the mesh', byAddress.status === 200, byAddress)

    const pods = await podsOf(api, namespace, 'web')
    const [, first] = pods[0]?.spec.initContainers ?? []
    report.check('the sidecar comes after what sets the rules', first?.name === 'weft-proxy', first)
    const { body } = await client.ask('http://127.0.0.1:15000/clusters')
    report.check('its sidecar has carried the calls', body.includes(`web.${namespace}:80`), body)
    await client.load('http://web/', 2)
    await waitFor(
      'both pods answer',
      async () => Object.keys((await client.seen()).pods).length === 2,
    )
    const summary = await client.stop()
    report.check('no request fails in transparent mode', summary.failures === 0, summary)
    for (const pod of pods) {
      const seen = kubelet.log(keyOf(pod), 'main')
      report.check(
        'an application starts after its proxy is ready',
        seen.includes('proxy: 200'),
        seen,
      )
    }
    await deleteNamespace(api, namespace)
  },
}
