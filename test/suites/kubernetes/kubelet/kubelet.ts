import { existsSync, readFileSync } from 'node:fs'
import { ApiError, Informer, type Api } from '../cluster/api.ts'
import { addresses } from '../cluster/network.ts'
import type { Pod } from '../cluster/objects.ts'
import { logOf } from './files.ts'
import { RunningPod } from './pod.ts'

const nodeName = 'node-1'

export interface KubeletEvent {
  /** `namespace/name`. */
  readonly pod: string
  /** Empty: of the pod itself. */
  readonly container: string
  readonly what: string
  /** On the clock of `performance`. */
  readonly atMs: number
}

/** Stands in for the kubelet and for the scheduler: one node, whose containers are processes. */
export class Kubelet implements AsyncDisposable {
  readonly events: KubeletEvent[] = []
  readonly #api: Api
  readonly #folder: string
  readonly #pods = new Map<string, RunningPod>()
  readonly #informer: Informer<Pod>
  #count = 0

  private constructor(api: Api, folder: string) {
    this.#api = api
    this.#folder = folder
    this.#informer = new Informer<Pod>(api, '/api/v1/pods', (key, pod) => this.#onChange(key, pod))
  }

  static async start(api: Api, folder: string): Promise<Kubelet> {
    await registerNode(api)
    return new Kubelet(api, folder)
  }

  /** As the API server has it. */
  pod(key: string): Pod | undefined {
    return this.#informer.objects.get(key)
  }

  running(key: string): RunningPod | undefined {
    const uid = this.pod(key)?.metadata.uid
    return uid === undefined ? undefined : this.#pods.get(uid)
  }

  /** What it has printed, in all its starts; also when it has gone. */
  log(key: string, container: string): string {
    const file = logOf(this.#folder, key, container)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** A file as a container of a running pod sees it. */
  read(key: string, container: string, path: string): string {
    const pid = this.running(key)?.pidOf(container)
    return readFileSync(`/proc/${pid}/root${path}`, 'utf8')
  }

  eventsOf(pod: string, container: string): readonly KubeletEvent[] {
    return this.events.filter(event => event.pod === pod && event.container === container)
  }

  /** Processes go with the suite's own namespace; this is for pods whose end is of interest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#informer.close()
  }

  #onChange(key: string, pod: Pod | undefined): void {
    if (pod === undefined) {
      for (const [uid, running] of this.#pods) if (!this.#isKnown(uid)) running.remove()
      return
    }
    const { metadata, spec } = pod
    if (!spec.nodeName) {
      if (metadata.deletionTimestamp === undefined) void this.#bind(pod)
      return
    }
    if (spec.nodeName !== nodeName) return
    const uid = metadata.uid ?? ''
    const known = this.#pods.get(uid)
    if (known !== undefined) known.update(pod)
    else this.#start(key, pod)
  }

  #isKnown(uid: string): boolean {
    return this.#informer.all.some(({ metadata }) => metadata.uid === uid)
  }

  #start(key: string, pod: Pod): void {
    const { uid = '' } = pod.metadata
    const running = new RunningPod(pod, {
      api: this.#api,
      folder: this.#folder,
      index: this.#count++,
      onEvent: (container, what) => {
        this.events.push({ pod: key, container, what, atMs: performance.now() })
      },
    })
    this.#pods.set(uid, running)
    running.update(pod)
    void running.done.finally(() => this.#pods.delete(uid))
  }

  async #bind({ metadata, spec }: Pod): Promise<void> {
    const { namespace, name, uid } = metadata
    // A node of kwok's takes what asks for it.
    const target = { apiVersion: 'v1', kind: 'Node', name: spec.nodeSelector?.['type'] ?? nodeName }
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, uid }, target }
    await this.#api
      .create(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding)
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error
      })
  }
}

async function registerNode(api: Api): Promise<void> {
  const metadata = { name: nodeName, labels: { 'topology.kubernetes.io/zone': 'zone-1' } }
  await api.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata })
  await api.patch(`/api/v1/nodes/${nodeName}/status`, {
    status: {
      addresses: [{ type: 'InternalIP', address: addresses.node }],
      capacity: { cpu: '2', memory: '4Gi', pods: '250' },
      allocatable: { cpu: '2', memory: '4Gi', pods: '250' },
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
      nodeInfo: { kubeletVersion: 'v1.34.0', operatingSystem: 'linux', architecture: 'amd64' },
    },
  })
}
