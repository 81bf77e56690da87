import type { Case, CaseContext } from '../case.ts'
import { ApiError, keyOf, type Api } from '../cluster/api.ts'
import type { Pod } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { Weft } from '../weft/weft.ts'
import {
  createDeployment,
  createNamespace,
  deleteNamespace,
  injected,
  podsOf,
  readyPods,
  rolledOut,
} from '../weft/workloads.ts'

const namespace = 'tokens'

/** Identities by service account tokens that the real API server reviews. */
export const tokens: Case = {
  name: 'tokens',
  async run(context) {
    const { cluster, report } = context
    const { api } = cluster
    await using weft = await Weft.install(context)
    await createNamespace(api, namespace, injected)
    await createDeployment(api, { name: 'web', namespace })
    await rolledOut(api, namespace, 'web')
    const [pod] = readyPods(await podsOf(api, namespace, 'web'))
    if (pod === undefined) throw new Error('there is no pod')
    const status = await weft.page('/status')
    const identity = `spiffe://weft.local/ns/${namespace}/sa/default`
    report.check('a pod is who its account says', status.includes(identity), status)

    const { kubelet } = context
    const used = kubelet.read(keyOf(pod), 'weft-proxy', '/var/run/secrets/weft/token')
    await refused(context, {
      name: 'replayed',
      token: used,
      words: /used before, with another key/,
    })
    const unbound = await tokenOf(api, undefined, 'weft')
    await refused(context, { name: 'unbound', token: unbound, words: /bound to no pod/ })
    const foreign = await tokenOf(api, pod, undefined)
    await refused(context, {
      name: 'foreign',
      token: foreign,
      words: /invalid for the target audiences/,
    })
    await refused(context, {
      name: 'forged',
      token: forged(used),
      words: /does not take the token/,
    })
    await ofDeletedPod(context, pod)
    report.check(
      'the rightful pod is still ready',
      readyPods(await podsOf(api, namespace, 'web')).length > 0,
    )
    await deleteNamespace(api, namespace)
  },
}

/** Lives longer than it was signed for. */
function forged(token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.')
  const { exp, ...others } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
    exp: number
  }
  const changed = Buffer.from(JSON.stringify({ ...others, exp: exp + 3600 })).toString('base64url')
  return [header, changed, signature].join('.')
}

async function tokenOf(
  api: Api,
  pod: Pod | undefined,
  audience: string | undefined,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`
  const { name, uid } = pod?.metadata ?? {}
  const answer = await api.create<{ status: { token: string } }>(path, {
    spec: {
      expirationSeconds: 600,
      ...(audience && { audiences: [audience] }),
      ...(pod && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } }),
    },
  })
  return answer.status.token
}

interface Attempt {
  readonly name: string
  readonly token: string
  readonly words: RegExp
}

/** A sidecar of its own making, outside of any injection, with somebody's token. */
async function refused(context: CaseContext, { name, token, words }: Attempt): Promise<void> {
  const { cluster, kubelet, report } = context
  const { api } = cluster
  const base = `/api/v1/namespaces/${namespace}`
  await api.create(`${base}/secrets`, { metadata: { name }, stringData: { token } })
  const env = {
    WEFT_WORKLOAD: name,
    WEFT_NAMESPACE: namespace,
    WEFT_CONTROL_PLANE: 'weft-control.weft-system.svc.cluster.local:15012',
    WEFT_TOKEN_FILE: '/secret/token',
    WEFT_TRUST_BUNDLE: '/trust/trust-bundle.pem',
    WEFT_STATE: '/state',
    WEFT_APPLICATION_PORTS: '8080',
  }
  await api.create(`${base}/pods`, {
    metadata: { name, labels: { 'weft.dev/inject': 'false' } },
    spec: {
      restartPolicy: 'Never',
      volumes: [
        { name: 'secret', secret: { secretName: name } },
        { name: 'trust', configMap: { name: 'weft-trust-bundle' } },
        { name: 'state', emptyDir: {} },
      ],
      containers: [
        {
          name: 'main',
          image: 'weft:suite',
          args: ['proxy'],
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          volumeMounts: [
            { name: 'secret', mountPath: '/secret' },
            { name: 'trust', mountPath: '/trust' },
            { name: 'state', mountPath: '/state' },
          ],
        },
      ],
    },
  })
  const key = `${namespace}/${name}`
  const log = await waitFor(`${name} is refused`, () => {
    const text = kubelet.log(key, 'main')
    return words.test(text) && text
  }).catch(() => kubelet.log(key, 'main'))
  report.check(`a token that is ${name} admits nobody`, words.test(log), log)
  await api.delete(`${base}/pods/${name}`)
}

/** Its pod has gone, and so has its worth. */
async function ofDeletedPod(context: CaseContext, pod: Pod): Promise<void> {
  const { api } = context.cluster
  const token = await tokenOf(api, pod, 'weft')
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`
  await api.delete(path).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
  })
  await waitFor('the pod is gone', async () => (await api.find(path)) === undefined)
  await refused(context, { name: 'orphaned', token, words: /has been invalidated/ })
  await rolledOut(api, namespace, 'web')
}
