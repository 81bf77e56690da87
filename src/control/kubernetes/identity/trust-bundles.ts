import { setTimeout as delay } from 'node:timers/promises'
import { isLabelled } from '../../../model/labels.ts'
import { KubernetesError, type KubernetesApi } from '../api/kubernetes-api.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { trustBundleName } from '../cluster-names.ts'
import { managedByWeft } from './managed-object.ts'

/** What a ConfigMap `weft-trust-bundle` is now, as far as it matters. */
export interface StoredBundle {
  readonly bundle: string | undefined
  readonly isManaged: boolean
}

export interface TrustBundlesOptions {
  readonly api: Pick<KubernetesApi, 'request'>
  /** PEM: what all sidecars are to believe. */
  readonly bundle: () => string
  /** Names of all that there are. */
  readonly namespaces: () => Iterable<string>
  /** By `<namespace>/weft-trust-bundle`. */
  readonly stored: () => ReadonlyMap<string, StoredBundle>
  /** Between two writes. Default 20 ms: a new cluster of 1,000 namespaces takes 20 s. */
  readonly restMs?: number
}

const key = 'trust-bundle.pem'

/** A ConfigMap of that name, as {@link TrustBundlesOptions.stored} wants it. */
export function storedBundleOf(object: KubernetesObject): StoredBundle {
  const { data } = object as { readonly data?: Readonly<Record<string, unknown>> | null }
  const bundle = data?.[key]
  const labels = object.metadata.labels ?? {}
  return {
    bundle: typeof bundle === 'string' ? bundle : undefined,
    isManaged: isLabelled(labels, managedByWeft),
  }
}

/**
 * Brings the trust bundle into each namespace where it is missing or another, since a pod mounts ConfigMaps of its own
 * namespace only. What else stands in that ConfigMap stays.
 * @throws what a namespace failed with, after all others have been tried; at once when the API server has no time.
 */
export async function writeTrustBundles(
  options: TrustBundlesOptions,
  signal: AbortSignal,
): Promise<void> {
  const { namespaces, stored, bundle, restMs = 20 } = options
  const pem = bundle()
  let failure: unknown
  for (const namespace of namespaces()) {
    if (namespace.startsWith('kube-')) continue
    const present = stored().get(`${namespace}/${trustBundleName}`)
    if (present?.bundle === pem && present.isManaged) continue
    try {
      await write(options.api, { namespace, pem, exists: present !== undefined, signal })
    } catch (error) {
      if (!concernsNamespace(error)) throw error
      if (!isGoing(error)) failure ??= error
    }
    await delay(restMs, undefined, { signal })
  }
  if (failure !== undefined) throw failure
}

interface Write {
  readonly namespace: string
  readonly pem: string
  readonly exists: boolean
  readonly signal: AbortSignal
}

async function write(
  api: TrustBundlesOptions['api'],
  { namespace, pem, exists, signal }: Write,
): Promise<void> {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`
  const what = `ConfigMap ${namespace}/${trustBundleName}`
  const metadata = { name: trustBundleName, namespace, labels: managedByWeft }
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [key]: pem } }
  const create = () => api.request({ method: 'POST', path: collection, what, body: object, signal })
  const change = () =>
    api.request({
      method: 'PATCH',
      path: `${collection}/${trustBundleName}`,
      what,
      body: { metadata: { labels: managedByWeft }, data: { [key]: pem } },
      signal,
    })
  try {
    await (exists ? change() : create())
  } catch (error) {
    // The watch is behind: it is there meanwhile, or not there any more.
    const status = error instanceof KubernetesError ? error.status : undefined
    if (!exists && status === 409) await change()
    else if (exists && status === 404) await create()
    else throw error
  }
}

/** Whether other namespaces may do better. */
function concernsNamespace(error: unknown): boolean {
  if (!(error instanceof KubernetesError) || error.status === undefined) return false
  return error.status !== 429 && error.status < 500
}

/** It is being deleted: the server refuses new objects in it, or knows it no more. */
function isGoing(error: unknown): boolean {
  if (!(error instanceof KubernetesError)) return false
  return error.status === 404 || (error.status === 403 && /being terminated/.test(error.message))
}
