import type { WorkloadName } from '../../sidecars/workload-key.ts'
import { KubernetesError, type KubernetesApi } from '../api/kubernetes-api.ts'
import { isKubernetesObject } from '../api/kubernetes-object.ts'
import { readPod, type WatchedPod } from '../source/pods.ts'

/** A pod, as far as it says who its sidecar is. */
export type KnownPod = Pick<WatchedPod, 'uid' | 'serviceAccount' | 'labels'>

/** Those of the cluster that a watch has brought so far. */
export interface KnownPods {
  find(namespace: string, name: string): KnownPod | undefined
}

/** The most that etcd takes is 1.5 MiB. */
const maxPodBytes = 4 * 1024 * 1024

/** One pod from the API server itself: a watch may be behind. Undefined when there is none. @throws KubernetesError */
export async function fetchPod(
  api: Pick<KubernetesApi, 'request'>,
  { namespace, name }: WorkloadName,
  signal: AbortSignal,
): Promise<KnownPod | undefined> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}`
  const what = `Pod ${namespace}/${name}`
  try {
    const pod = await api.request({ method: 'GET', path, what, signal, maxBytes: maxPodBytes })
    if (isKubernetesObject(pod)) return readPod(pod)
    throw new KubernetesError(`the API server sent something else for ${what}`)
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return undefined
    throw error
  }
}
