/** As much of `metadata` as is read here (Kubernetes API reference, "ObjectMeta"); everything else is kept as it is. */
interface ObjectMeta {
  readonly name: string
  /** Absent: the object belongs to the cluster. */
  readonly namespace?: string
  readonly uid?: string
  /** Changes with each change of the object; to be compared for equality. */
  readonly resourceVersion?: string
  /** Changes with `spec` only. */
  readonly generation?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** RFC 3339. */
  readonly creationTimestamp?: string
  /** RFC 3339; present once somebody has asked for its deletion. */
  readonly deletionTimestamp?: string
  readonly ownerReferences?: readonly OwnerReference[]
}

interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
}

/** Items of a list of one kind leave `apiVersion` and `kind` out. */
export interface KubernetesObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
}

/** "namespace/name", or "name" for what belongs to the cluster. */
export function keyOf({ metadata: { namespace, name } }: KubernetesObject): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

/** Whether it has what everything here relies upon. */
export function isKubernetesObject(value: unknown): value is KubernetesObject {
  if (typeof value !== 'object' || value === null) return false
  const { metadata } = value as { metadata?: Partial<Record<keyof ObjectMeta, unknown>> | null }
  if (typeof metadata !== 'object' || metadata === null) return false
  const { name, namespace = '', resourceVersion } = metadata
  const named = typeof name === 'string' && name !== '' && typeof namespace === 'string'
  return named && typeof resourceVersion === 'string' && resourceVersion !== ''
}
