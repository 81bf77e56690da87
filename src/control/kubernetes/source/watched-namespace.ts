import type { KubernetesObject } from '../api/kubernetes-object.ts'

export interface WatchedNamespace {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** It is being deleted: nothing can be made in it any more. */
  readonly isTerminating: boolean
}

export function readNamespace({ metadata }: KubernetesObject): WatchedNamespace {
  const { name, labels = {}, deletionTimestamp } = metadata
  return { name, labels, isTerminating: deletionTimestamp !== undefined }
}
