import type { InstallSettings } from './install-settings.ts'
import type { KubernetesManifest, Manifest } from './manifest.ts'
import { systemNamespace } from '../../../control/kubernetes/cluster-names.ts'
import { controlPorts, controlSelector, metadataIn } from './names.ts'

/** How the control plane is reached. */
export function networkManifests({ networkPolicy }: InstallSettings, version: string): Manifest[] {
  return [
    {
      comment: 'Where sidecars, Prometheus and the API server find the control plane.',
      object: service(version),
    },
    ...(networkPolicy ? [{ comment: policyComment, object: policy(version) }] : []),
  ]
}

/** The webhook's certificate is for the name of this Service. */
function service(version: string): KubernetesManifest {
  const { push, admin } = controlPorts
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataIn(version),
    spec: {
      selector: controlSelector,
      ports: [
        { name: 'push', port: push, targetPort: 'push', appProtocol: 'tls' },
        { name: 'admin', port: admin, targetPort: 'admin', appProtocol: 'http' },
        { name: 'webhook', port: 443, targetPort: 'webhook', appProtocol: 'https' },
      ],
    },
  }
}

const policyComment =
  'Who reaches the control plane: sidecars anywhere; the API server, which may stand outside the cluster and so\n' +
  'cannot be named; Prometheus. The push port asks for an identity, the webhook gives away nothing that is secret.'

function policy(version: string): KubernetesManifest {
  const { push, admin, webhook } = controlPorts
  const anyNamespace = { namespaceSelector: {} }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataIn(version),
    spec: {
      podSelector: { matchLabels: controlSelector },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: [tcp(push)], from: [anyNamespace] },
        { ports: [tcp(webhook)] },
        {
          ports: [tcp(admin)],
          from: [
            {
              namespaceSelector: {
                matchLabels: { 'kubernetes.io/metadata.name': systemNamespace },
              },
            },
            {
              ...anyNamespace,
              podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
            },
          ],
        },
      ],
    },
  }
}

function tcp(port: number): object {
  return { protocol: 'TCP', port }
}
