import { proxyName } from '../cluster-names.ts'
import { sidecarPorts } from '../../../model/bootstrap.ts'
import { fieldsOf } from '../../../base/fields.ts'
import { formatSpiffeId } from '../../../identity/spiffe-id.ts'
import type { InjectedPod } from '../../../model/configuration.ts'
import type { ListWatch } from '../api/list-watch.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { listOf, pick } from '../status/fields.ts'

/** What is kept of a pod: who it is, and where. */
export interface WatchedPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  /** Those of `weft.dev/` alone. */
  readonly annotations: Readonly<Record<string, string>>
  /** Absent until the kubelet has given it one. */
  readonly podIP?: string
  readonly nodeName?: string
  /** RFC 3339; present once it is to go. */
  readonly deletionTimestamp?: string
  /** Of the application, as the sidecar in it was told; absent: it has none. */
  readonly sidecarPorts?: readonly number[]
}

/** How the injector tells a sidecar the ports. */
const portsVariable = 'WEFT_APPLICATION_PORTS'
const meshPort = sidecarPorts.inbound

/** Of pods that have ended nothing is asked any more. */
export const podsFieldSelector = 'status.phase!=Succeeded,status.phase!=Failed'

/** Pods of the cluster, by name. */
export class Pods {
  readonly #watch: Pick<ListWatch<WatchedPod>, 'objects' | 'synced'>

  constructor(watch: Pick<ListWatch<WatchedPod>, 'objects' | 'synced'>) {
    this.#watch = watch
  }

  /** Until then one that is there may not be found. Rejects when the source is closed before. */
  get synced(): Promise<void> {
    return this.#watch.synced
  }

  find(namespace: string, name: string): WatchedPod | undefined {
    return this.#watch.objects.get(`${namespace}/${name}`)
  }

  all(): IterableIterator<WatchedPod> {
    return this.#watch.objects.values()
  }

  /** Those that have a sidecar, by `namespace/name`. */
  injected(trustDomain: string): ReadonlyMap<string, InjectedPod> {
    const injected = new Map<string, InjectedPod>()
    for (const [key, pod] of this.#watch.objects) {
      const { podIP: address, sidecarPorts: ports, namespace, serviceAccount, labels } = pod
      if (address === undefined || ports === undefined) continue
      const identity = formatSpiffeId({ trustDomain, namespace, serviceAccount })
      const isLeaving = pod.deletionTimestamp !== undefined
      injected.set(key, { address, ports, meshPort, identity, labels, isLeaving })
    }
    return injected
  }
}

/** Also of one that was asked for by name. */
export function readPod({ metadata, ...rest }: KubernetesObject): WatchedPod {
  const { spec, status } = fieldsOf(rest)
  const { serviceAccountName, nodeName } = fieldsOf(spec)
  const { podIP } = fieldsOf(status)
  const { namespace = '', name, uid = '', labels = {}, annotations = {} } = metadata
  const sidecarPorts = sidecarPortsOf(spec)
  const own = Object.keys(annotations).filter(key => key.startsWith('weft.dev/'))
  return {
    namespace,
    name,
    uid,
    serviceAccount: typeof serviceAccountName === 'string' ? serviceAccountName : 'default',
    labels,
    annotations: pick(annotations, own) as Record<string, string>,
    ...(typeof podIP === 'string' && podIP !== '' && { podIP }),
    ...(typeof nodeName === 'string' && nodeName !== '' && { nodeName }),
    ...(metadata.deletionTimestamp !== undefined && {
      deletionTimestamp: metadata.deletionTimestamp,
    }),
    ...(sidecarPorts !== undefined && { sidecarPorts }),
  }
}

function sidecarPortsOf(spec: unknown): number[] | undefined {
  const { initContainers, containers } = fieldsOf(spec)
  const all = [...listOf(initContainers), ...listOf(containers)].map(fieldsOf)
  const sidecar = all.find(({ name }) => name === proxyName)
  if (sidecar === undefined) return undefined
  const variables = listOf(sidecar['env']).map(fieldsOf)
  const ports = variables.find(({ name }) => name === portsVariable)?.['value']
  return typeof ports === 'string' && ports !== '' ? ports.split(',').map(Number) : []
}
