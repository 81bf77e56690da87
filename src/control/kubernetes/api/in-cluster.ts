import type { KubernetesApiOptions } from './kubernetes-api.ts'

/** What was given on purpose goes before what the kubelet says. */
export interface GivenServer {
  readonly server?: string | undefined
  readonly tokenFile?: string | undefined
  readonly caFile?: string | undefined
}

/** Where the kubelet mounts the service account of a pod. */
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * How a pod reaches the API server of its cluster (Kubernetes, "Accessing the API from a Pod").
 * @throws Error outside a cluster, when no server is given.
 */
export function inClusterOptions(
  environment: Readonly<Record<string, string | undefined>>,
  given: GivenServer,
): KubernetesApiOptions {
  return {
    server: (given.server ?? serverOf(environment)).replace(/\/$/, ''),
    tokenFile: given.tokenFile ?? `${serviceAccount}/token`,
    caFile: given.caFile ?? `${serviceAccount}/ca.crt`,
  }
}

function serverOf(environment: Readonly<Record<string, string | undefined>>): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment
  if (host === undefined || host === '')
    throw new Error(
      'this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set): name the API as kubernetes.server, with kubernetes.tokenFile and kubernetes.caFile',
    )
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}
