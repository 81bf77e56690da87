// What the control plane and the manifests of `weft install` call the same things.

/** Where the control plane runs. Sidecars look for it there, and the injector leaves this namespace alone. */
export const systemNamespace = 'weft-system'
/** Deployment, Service, ServiceAccount, roles and Lease of the control plane. */
export const controlName = 'weft-control'
export const webhookName = 'weft-injector'
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
/** Container of a sidecar in its pod. */
export const proxyName = 'weft-proxy'
