import type { KubernetesManifest } from './manifest.ts'

/** Where the control plane runs. Sidecars look for it there, and the injector leaves this namespace alone. */
export const systemNamespace = 'weft-system'
/** Deployment, Service, ServiceAccount, roles and Lease of the control plane. */
export const controlName = 'weft-control'
export const webhookName = 'weft-injector'
/** ConfigMap of the injector's settings. */
export const injectionName = 'weft-injection'
export const trustBundleName = 'weft-trust-bundle'
export const authoritySecretName = 'weft-ca'
/** On namespaces and pods. */
export const injectLabel = 'weft.dev/inject'
/** Namespaces whose pods never get a sidecar: what the cluster itself, and the injector, need to start. */
export const systemNamespaces: readonly string[] = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  systemNamespace,
]

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
