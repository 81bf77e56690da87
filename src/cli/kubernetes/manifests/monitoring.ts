import { controlName } from '../../../control/kubernetes/cluster-names.ts'
import type { KubernetesManifest, Manifest } from './manifest.ts'
import { controlSelector, metadataIn } from './names.ts'

/** For the Prometheus operator; others go by the annotations on pods. */
export function monitoringManifests(version: string): Manifest[] {
  return [
    {
      comment: 'Metrics of the control plane.',
      object: podMonitor(version, controlName, {
        selector: { matchLabels: controlSelector },
        podMetricsEndpoints: [{ port: 'admin', path: '/metrics' }],
      }),
    },
    {
      comment:
        'Metrics of the sidecars and their applications, in all namespaces: pods that have a port of this name.',
      object: podMonitor(version, 'weft-sidecars', {
        namespaceSelector: { any: true },
        selector: {},
        podMetricsEndpoints: [{ port: 'weft-metrics', path: '/metrics' }],
      }),
    },
  ]
}

function podMonitor(version: string, name: string, spec: object): KubernetesManifest {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: metadataIn(version, name),
    spec,
  }
}
