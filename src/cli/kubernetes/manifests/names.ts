import { controlName, systemNamespace } from '../../../control/kubernetes/cluster-names.ts'
import type { KubernetesManifest } from './manifest.ts'

/** ConfigMap of the injector's settings. */
export const injectionName = 'weft-injection'

export const controlPorts = { push: 15_012, admin: 15_014, webhook: 15_017 } as const

export const controlSelector = { 'app.kubernetes.io/name': controlName } as const

/** Of everything that is installed. */
export function labelsFor(version: string): Record<string, string> {
  return {
    ...controlSelector,
    'app.kubernetes.io/part-of': 'weft',
    'app.kubernetes.io/version': version,
  }
}

/** Of an object in the control plane's namespace. */
export function metadataIn(version: string, name: string = controlName) {
  return { name, namespace: systemNamespace, labels: labelsFor(version) }
}

/** Of an object that belongs to the whole cluster. */
export function clusterMetadata(version: string, name: string): KubernetesManifest['metadata'] {
  return { name, labels: labelsFor(version) }
}
