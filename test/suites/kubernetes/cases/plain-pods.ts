import type { Case, CaseContext } from '../case.ts'
import type { KubernetesObject, Pod, PodSpec } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'

const namespace = 'plain'
const pods = `/api/v1/namespaces/${namespace}/pods`

/** The harness itself, without Weft: what the other cases take for granted. */
export const plainPods: Case = {
  name: 'plain-pods',
  async run(context) {
    const { api } = context.cluster
    await api.create('/api/v1/namespaces', { metadata: { name: namespace } })
    await waitFor('the namespace has an account', () =>
      api.find(`/api/v1/namespaces/${namespace}/serviceaccounts/default`),
    )
    await whatAPodSees(context)
    await orderOfSidecars(context)
    await deployment(context)
    await job(context)
    await apiServerKilled(context)
    await api.delete(`/api/v1/namespaces/${namespace}`)
  },
}

async function whatAPodSees({ cluster: { api }, kubelet, report }: CaseContext): Promise<void> {
  await api.create(`/api/v1/namespaces/${namespace}/configmaps`, {
    metadata: { name: 'settings' },
    data: { 'a.txt': 'from a map' },
  })
  const projected = [
    { serviceAccountToken: { audience: 'weft', expirationSeconds: 600, path: 'token' } },
    { configMap: { name: 'settings' } },
    { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  ]
  await createPod(api, 'sees', {
    restartPolicy: 'Never',
    securityContext: {
      runAsUser: 1234,
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    },
    volumes: [
      { name: 'all', projected: { sources: projected } },
      { name: 'empty', emptyDir: {} },
    ],
    containers: [
      {
        name: 'main',
        image: 'app:task',
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'BOTH', value: '$(IP):80' },
          {
            name: 'SHOW',
            value: [
              '/data/a.txt',
              '/data/name',
              '/data/token',
              '/etc/resolv.conf',
              '/etc/hostname',
              '/var/run/secrets/kubernetes.io/serviceaccount/namespace',
              '/proc/sys/net/ipv4/ip_unprivileged_port_start',
            ].join(),
          },
          { name: 'PRINT', value: 'BOTH' },
        ],
        volumeMounts: [
          { name: 'all', mountPath: '/data', readOnly: true },
          { name: 'empty', mountPath: '/empty' },
        ],
        securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      },
    ],
  })
  const done = await waitFor('the pod ends', () =>
    inPhase(kubelet.pod(`${namespace}/sees`), 'Succeeded'),
  )
  const seen = kubelet.log(`${namespace}/sees`, 'main')
  report.check('a pod runs as the user that it names', seen.includes('uid=1234'), seen)
  report.check('a pod sees ConfigMaps', seen.includes('a.txt: from a map'), seen)
  report.check('a pod sees fields of its own', seen.includes('/data/name: sees'), seen)
  report.check('a pod knows its address', seen.includes(`BOTH=${done.status?.podIP}:80`), seen)
  report.check('a pod asks the DNS of the cluster', seen.includes('nameserver 10.96.0.10'), seen)
  report.check('kernel parameters of a pod hold', seen.includes('port_start: 0'), seen)
  const token = /token: (\S+)/.exec(seen)?.[1] ?? ''
  const review = await api.create<KubernetesObject & { status: TokenStatus }>(
    '/apis/authentication.k8s.io/v1/tokenreviews',
    { spec: { token, audiences: ['weft'] } },
  )
  const { user, audiences } = review.status
  const bound = user?.extra?.['authentication.kubernetes.io/pod-name']?.[0]
  report.check(
    'its token is bound to it and has the audience',
    bound === 'sees' && audiences?.[0] === 'weft',
    review.status,
  )
}

interface TokenStatus {
  readonly audiences?: readonly string[]
  readonly user?: { readonly extra?: Readonly<Record<string, readonly string[]>> }
}

async function orderOfSidecars({ cluster: { api }, kubelet, report }: CaseContext): Promise<void> {
  const key = `${namespace}/ordered`
  const sidecar = (name: string, port: number): PodSpec['containers'][number] => ({
    name,
    image: 'app:web',
    restartPolicy: 'Always',
    env: [{ name: 'PORT', value: String(port) }],
    startupProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 1, failureThreshold: 60 },
  })
  await createPod(api, 'ordered', {
    terminationGracePeriodSeconds: 10,
    initContainers: [
      sidecar('first', 9001),
      sidecar('second', 9002),
      { name: 'init', image: 'app:task', env: [{ name: 'WAIT_MS', value: '100' }] },
    ],
    containers: [
      {
        name: 'main',
        image: 'app:web',
        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
      },
    ],
  })
  await waitFor('the pod is ready', () => isReady(kubelet.pod(key)))
  const at = (container: string, what: string): number =>
    kubelet.eventsOf(key, container).find(event => event.what === what)?.atMs ?? Number.NaN
  const starts = [
    at('first', 'started'),
    at('second', 'runs'),
    at('second', 'started'),
    at('init', 'runs'),
    at('main', 'runs'),
  ]
  report.check('sidecars gate what comes after them', isAscending(starts), starts)
  process.kill(kubelet.running(key)?.pidOf('first') ?? 0, 'SIGKILL')
  await waitFor('the sidecar is restarted', () =>
    kubelet.pod(key)?.status?.initContainerStatuses?.some(({ restartCount }) => restartCount === 1),
  )
  await api.delete(`${pods}/ordered`)
  await waitFor('the pod is gone', async () => (await api.find(`${pods}/ordered`)) === undefined)
  const ends = [
    at('main', 'exited with 0'),
    at('second', 'SIGTERM'),
    at('second', 'exited with 0'),
    at('first', 'SIGTERM'),
  ]
  report.check('sidecars end after the application, the last first', isAscending(ends), ends)
}

async function deployment({ cluster: { api }, kubelet, report }: CaseContext): Promise<void> {
  const labels = { app: 'web' }
  const readinessProbe = { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1 }
  const container = {
    name: 'web',
    image: 'app:web',
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe,
  }
  await api.create(`/api/v1/namespaces/${namespace}/services`, {
    metadata: { name: 'web' },
    spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
  })
  const begun = performance.now()
  await api.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
    metadata: { name: 'web' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 5, containers: [container] },
      },
    },
  })
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`
  await waitFor('the Deployment is available', async () => {
    const found = await api.get<KubernetesObject & { status: { readyReplicas?: number } }>(path)
    return found.status.readyReplicas === 2
  })
  report.figure('a Deployment of two is ready after', (performance.now() - begun) / 1000, 's')
  const service = await api.get<KubernetesObject & { spec: { clusterIP: string } }>(
    `/api/v1/namespaces/${namespace}/services/web`,
  )
  const { clusterIP } = service.spec
  const answer = await waitFor(
    'the service answers',
    async () => (await fetch(`http://${clusterIP}/`)).json() as Promise<{ pod: string }>,
  )
  report.check('a ClusterIP leads to a pod', answer.pod.startsWith('web-'), answer)
  await createPod(api, 'asks', {
    restartPolicy: 'Never',
    containers: [
      {
        name: 'main',
        image: 'app:task',
        command: ['node', '-e', 'fetch("http://web/").then(r => r.text()).then(console.log)'],
      },
    ],
  })
  await waitFor('the pod ends', () => inPhase(kubelet.pod(`${namespace}/asks`), 'Succeeded'))
  const log = kubelet.log(`${namespace}/asks`, 'main')
  report.check('a pod finds a service by its name', log.includes('"pod":"web-'), log)
  await api.delete(path)
  await waitFor(
    'all pods are gone',
    async () => (await api.items(`${pods}?labelSelector=app%3Dweb`)).length === 0,
  )
}

async function job({ cluster: { api }, report }: CaseContext): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`
  await api.create(path, {
    metadata: { name: 'work' },
    spec: {
      template: {
        spec: {
          restartPolicy: 'Never',
          initContainers: [{ name: 'side', image: 'app:web', restartPolicy: 'Always' }],
          containers: [
            { name: 'main', image: 'app:task', env: [{ name: 'WAIT_MS', value: '200' }] },
          ],
        },
      },
    },
  })
  const status = await waitFor('the Job ends', async () => {
    const found = await api.get<
      KubernetesObject & { status: { succeeded?: number; completionTime?: string } }
    >(`${path}/work`)
    return found.status.completionTime !== undefined && found.status
  })
  report.check('a Job with a sidecar ends', status.succeeded === 1, status)
}

async function apiServerKilled({ cluster, kubelet, report }: CaseContext): Promise<void> {
  await cluster.apiServer.kill()
  const begun = performance.now()
  cluster.apiServer.start()
  await cluster.ready()
  report.figure('the API server is back after', (performance.now() - begun) / 1000, 's')
  await createPod(cluster.api, 'after', {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: 'app:task' }],
  })
  const found = await waitFor('a pod ends', () =>
    inPhase(kubelet.pod(`${namespace}/after`), 'Succeeded'),
  )
  report.check('pods run after the death of the API server', found !== undefined)
}

async function createPod(
  api: CaseContext['cluster']['api'],
  name: string,
  spec: PodSpec,
): Promise<void> {
  await api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec })
}

function inPhase(pod: Pod | undefined, phase: string): Pod | undefined {
  return pod?.status?.phase === phase ? pod : undefined
}

function isReady(pod: Pod | undefined): boolean {
  return (
    pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  )
}

function isAscending(times: readonly number[]): boolean {
  return times.every((time, index) => index === 0 || (times[index - 1] ?? Number.NaN) <= time)
}
