import type { Endpoint } from '../../../../src/model/endpoint.ts'
import type { Snapshot } from '../../../../src/model/snapshot.ts'
import type { CaseContext } from '../case.ts'
import type { Api } from '../cluster/api.ts'
import type { Container, KubernetesObject, Pod, PodSpec } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'

export const injected = { 'weft.dev/inject': 'enabled' } as const

/** Resolves when pods can be made in it. */
export async function createNamespace(
  api: Api,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  await api.create('/api/v1/namespaces', { metadata: { name, labels } })
  await waitFor('the namespace has an account', () =>
    api.find(`/api/v1/namespaces/${name}/serviceaccounts/default`),
  )
  await waitFor('the namespace has the certificate of the API server', () =>
    api.find(`/api/v1/namespaces/${name}/configmaps/kube-root-ca.crt`),
  )
}

export async function deleteNamespace(api: Api, name: string, withinMs = 60_000): Promise<void> {
  const path = `/api/v1/namespaces/${name}`
  await api.delete(path)
  await waitFor(`${name} is gone`, async () => (await api.find(path)) === undefined, withinMs)
}

export interface DeploymentOptions {
  readonly name: string
  readonly namespace: string
  readonly replicas?: number
  readonly image?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly container?: Partial<Container>
  readonly pod?: Partial<PodSpec>
  readonly metadata?: object
}

type Deployment = KubernetesObject & {
  readonly spec: { readonly replicas: number }
  readonly status: {
    readonly observedGeneration?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly replicas?: number
  }
}

function deploymentPath(namespace: string): string {
  return `/apis/apps/v1/namespaces/${namespace}/deployments`
}

export async function createDeployment(api: Api, options: DeploymentOptions): Promise<void> {
  const { name, namespace, replicas = 1, image = 'app:web', environment = {} } = options
  const labels = { app: name }
  const container: Container = {
    name: 'main',
    image,
    env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: {
      httpGet: { path: '/healthz', port: 'http' },
      periodSeconds: 1,
      failureThreshold: 2,
    },
    ...options.container,
  }
  await api.create(deploymentPath(namespace), {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels, ...options.metadata },
        spec: { terminationGracePeriodSeconds: 30, containers: [container], ...options.pod },
      },
    },
  })
}

/** Resolves when its newest revision is ready, and no pod of an older one is counted any more. */
export async function rolledOut(api: Api, namespace: string, name: string): Promise<void> {
  const ask = async (): Promise<boolean> => {
    const { metadata, spec, status } = await api.get<Deployment>(
      `${deploymentPath(namespace)}/${name}`,
    )
    return (
      status.observedGeneration === metadata.generation &&
      (status.updatedReplicas ?? 0) === spec.replicas &&
      (status.readyReplicas ?? 0) === spec.replicas &&
      (status.replicas ?? 0) === spec.replicas
    )
  }
  await waitFor(`Deployment ${name} is ready`, ask, 120_000)
}

export async function scale(
  api: Api,
  namespace: string,
  name: string,
  replicas: number,
): Promise<void> {
  await api.patch(`${deploymentPath(namespace)}/${name}`, { spec: { replicas } })
}

/** A new revision. */
export async function setEnvironment(
  api: Api,
  { namespace, name }: { namespace: string; name: string },
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const path = `${deploymentPath(namespace)}/${name}`
  const { spec } = await api.get<KubernetesObject & { spec: { template: { spec: PodSpec } } }>(path)
  const env = Object.entries(environment).map(([key, value]) => ({ name: key, value }))
  const containers = spec.template.spec.containers.map(container => ({ ...container, env }))
  await api.patch(path, { spec: { template: { spec: { containers } } } })
}

/** Its port 80 leads to the port `http` of pods with the label `app`. */
export async function createService(api: Api, namespace: string, name: string): Promise<void> {
  await api.create(`/api/v1/namespaces/${namespace}/services`, {
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  })
}

export function podsOf(api: Api, namespace: string, app: string): Promise<readonly Pod[]> {
  return api.items<Pod>(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`)
}

export function readyPods(pods: readonly Pod[]): readonly Pod[] {
  return pods.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
  )
}

/** Resolves with a pod that has ended. */
export function podEnded({ kubelet }: CaseContext, key: string): Promise<Pod> {
  return waitFor(`${key} ends`, () => {
    const pod = kubelet.pod(key)
    return ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '') && pod
  })
}

/** A pod in the mesh that asks others; see apps/client.ts. */
export class MeshClient {
  readonly #address: string

  private constructor(address: string) {
    this.#address = address
  }

  /** Resolves when it is ready. */
  static async create(api: Api, namespace: string, metadata: object = {}): Promise<MeshClient> {
    await createDeployment(api, {
      name: 'client',
      namespace,
      image: 'app:client',
      metadata,
      container: { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } },
    })
    const [pod] = await waitFor('the client is ready', async () => {
      const ready = readyPods(await podsOf(api, namespace, 'client'))
      return ready.length > 0 && ready
    })
    return new MeshClient(pod?.status?.podIP ?? '')
  }

  /** One request through the mesh. */
  ask(url: string): Promise<Answer> {
    return this.#call('GET', `/ask?url=${encodeURIComponent(url)}`) as Promise<Answer>
  }

  /** Keeps asking from now on. */
  async load(url: string, clients: number): Promise<void> {
    await this.#call('POST', `/load?clients=${clients}&url=${encodeURIComponent(url)}`)
  }

  /** What has been seen so far. */
  seen(): Promise<LoadSummary> {
    return this.#call('GET', '/') as Promise<LoadSummary>
  }

  stop(): Promise<LoadSummary> {
    return this.#call('POST', '/stop') as Promise<LoadSummary>
  }

  /** A page of its sidecar's admin port. */
  sidecar(page: string): Promise<unknown> {
    return this.#call('GET', `/sidecar/${page}`)
  }

  /** Where its sidecar would send requests for port 80 of the service. */
  async endpointsOf(namespace: string, service: string): Promise<readonly Endpoint[]> {
    const { snapshot } = (await this.sidecar('config')) as { readonly snapshot: Snapshot }
    return snapshot.endpoints[`${service}.${namespace}:80`] ?? []
  }

  /** The same for all services of a namespace. */
  async endpointsIn(namespace: string): Promise<readonly Endpoint[]> {
    const { snapshot } = (await this.sidecar('config')) as { readonly snapshot: Snapshot }
    const all = Object.entries(snapshot.endpoints)
    return all
      .filter(([cluster]) => cluster.includes(`.${namespace}:`))
      .flatMap(([, found]) => found)
  }

  async #call(method: string, path: string): Promise<unknown> {
    const answer = await fetch(`http://${this.#address}:8080${path}`, { method })
    return answer.json()
  }
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly reason?: string
}

export interface LoadSummary {
  readonly requests: number
  readonly failures: number
  readonly statuses: Readonly<Record<string, number>>
  readonly pods: Readonly<Record<string, number>>
  readonly samples: readonly string[]
  readonly slowest: number
}
