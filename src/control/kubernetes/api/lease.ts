import type { KubernetesApi } from './kubernetes-api.ts'
import { KubernetesError } from './kubernetes-api.ts'
import type { KubernetesObject } from './kubernetes-object.ts'

/** coordination.k8s.io/v1 `Lease` (Kubernetes API reference). */
export interface Lease extends KubernetesObject {
  readonly spec?: LeaseSpec
}

export interface LeaseSpec {
  /** '' or absent: nobody holds it. */
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  /** How often it went to another holder. */
  readonly leaseTransitions?: number
}

export interface LeaseAddress {
  readonly api: Pick<KubernetesApi, 'request'>
  readonly namespace: string
  readonly name: string
}

/** Undefined: there is none yet. @throws KubernetesError */
export async function readLease(
  address: LeaseAddress,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  try {
    const path = `${collectionOf(address)}/${address.name}`
    const what = nameOf(address)
    return leaseOf(address, await address.api.request({ method: 'GET', path, what, signal }))
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return undefined
    throw error
  }
}

/**
 * Creates it, or changes it as it was read: `lease` holds the version that must still be the server's.
 * @throws KubernetesError with status 409 when somebody was faster
 */
export async function writeLease(
  address: LeaseAddress,
  lease: Lease,
  signal: AbortSignal,
): Promise<Lease> {
  const exists = lease.metadata.resourceVersion !== undefined
  const collection = collectionOf(address)
  const answer = await address.api.request({
    method: exists ? 'PUT' : 'POST',
    path: exists ? `${collection}/${address.name}` : collection,
    what: nameOf(address),
    body: { ...lease, apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
    signal,
  })
  return leaseOf(address, answer)
}

/** Go reads a MicroTime with exactly six digits. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z')
}

function leaseOf(address: LeaseAddress, answer: unknown): Lease {
  const lease = answer as Lease | undefined
  if (typeof lease?.metadata?.resourceVersion === 'string') return lease
  throw new KubernetesError(`the API server sent something else than ${nameOf(address)}`)
}

function collectionOf({ namespace }: LeaseAddress): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
}

function nameOf({ namespace, name }: LeaseAddress): string {
  return `Lease ${name} in namespace ${namespace}`
}
