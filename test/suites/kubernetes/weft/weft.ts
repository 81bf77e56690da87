import { parseAllDocuments } from 'yaml'
import type { CaseContext } from '../case.ts'
import { ApiError, keyOf } from '../cluster/api.ts'
import { addresses } from '../cluster/network.ts'
import type { KubernetesObject, Pod } from '../cluster/objects.ts'
import { waitFor } from '../cluster/waiting.ts'
import { readyPods } from './workloads.ts'
import { weftCommand } from './command.ts'

const meshNamespace = 'weft-system'
const selector = 'app.kubernetes.io/name%3Dweft-control'
/** Of the control plane's container. */
export const containerName = 'control'

/** Settings of the installation that fit this cluster. */
export function installOptions(replicas: number): string[] {
  return [
    '--image=weft:suite',
    `--replicas=${replicas}`,
    '--set=autoscaling.enabled=false',
    '--cluster-dns',
    addresses.dns,
  ]
}

/** A control plane in the cluster, as Deployment `weft-control`. */
export class Weft implements AsyncDisposable {
  readonly #context: CaseContext
  readonly #made: string[] = []

  private constructor(context: CaseContext) {
    this.#context = context
  }

  /** By what `weft install` prints. Resolves when each replica is ready, and the webhook has its CA. */
  static async install(context: CaseContext, replicas = 1): Promise<Weft> {
    const weft = new Weft(context)
    try {
      for (const manifest of await printed(replicas)) await weft.#apply(manifest)
      await weft.ready(replicas)
      return weft
    } catch (error) {
      const log = await weft.log()
      await weft[Symbol.asyncDispose]()
      throw new Error(`${(error as Error).message}\n${log}`, { cause: error })
    }
  }

  async #apply(manifest: KubernetesObject): Promise<void> {
    const path = `${collectionOf(manifest)}/${manifest.metadata.name}`
    await this.#context.cluster.api.apply(path, manifest)
    this.#made.push(path)
  }

  async ready(replicas = 1): Promise<void> {
    await waitFor('the control plane is ready', async () => {
      const ready = readyPods(await this.pods())
      return ready.length === replicas
    })
    await waitFor('the webhook has its CA', async () => {
      const found = await this.#context.cluster.api.get<Webhooks>(`${webhooks}/weft-injector`)
      return found.webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined)
    })
  }

  /** Of the control plane. */
  async pods(): Promise<readonly Pod[]> {
    const { api } = this.#context.cluster
    return api.items<Pod>(`/api/v1/namespaces/${meshNamespace}/pods?labelSelector=${selector}`)
  }

  async log(lines = 15): Promise<string> {
    const pods = await this.pods()
    const logs = pods.map(pod => this.#context.kubelet.log(keyOf(pod), containerName))
    return logs.map(log => log.trim().split('\n').slice(-lines).join('\n')).join('\n--\n')
  }

  /** A page of one replica's admin port. */
  async page(path: string, replica?: Pod): Promise<string> {
    const [first] = readyPods(await this.pods())
    const address = (replica ?? first)?.status?.podIP
    const answer = await fetch(`http://${address}:15014${path}`)
    return answer.text()
  }

  /** Of the process, in MiB. */
  async memoryMiB(): Promise<number> {
    const [, bytes = ''] =
      /^process_resident_memory_bytes (\S+)/m.exec(await this.page('/metrics')) ?? []
    return Number(bytes) / 2 ** 20
  }

  /** Who writes. */
  async leader(): Promise<string | undefined> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${meshNamespace}/leases/weft-control`
    const lease = await this.#context.cluster.api.find<Lease>(path)
    return lease?.spec?.holderIdentity
  }

  /** Nothing is left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { api } = this.#context.cluster
    for (const path of this.#made.toReversed()) await api.delete(path).catch(ignoreMissing)
    const path = `/api/v1/namespaces/${meshNamespace}`
    await waitFor('the control plane is gone', async () => (await api.find(path)) === undefined)
  }
}

const webhooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

type Webhooks = KubernetesObject & {
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[]
}

type Lease = KubernetesObject & { readonly spec?: { readonly holderIdentity?: string } }

function ignoreMissing(error: unknown): void {
  if (!(error instanceof ApiError) || error.status !== 404) throw error
}

async function printed(replicas: number): Promise<readonly KubernetesObject[]> {
  const { code, output, errors } = await weftCommand(['install', ...installOptions(replicas)])
  if (code !== 0) throw new Error(`weft install: ${errors}`)
  return parseAllDocuments(output).map(document => document.toJS() as KubernetesObject)
}

const clusterWide = /^(Namespace|CustomResourceDefinition|Cluster.*|.*WebhookConfiguration)$/

/** Where an object is created. */
export function collectionOf({ apiVersion = 'v1', kind = '', metadata }: KubernetesObject): string {
  const plural = kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`
  const base = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  const within = clusterWide.test(kind) ? '' : `/namespaces/${metadata.namespace}`
  return `${base}${within}/${plural.toLowerCase()}`
}
