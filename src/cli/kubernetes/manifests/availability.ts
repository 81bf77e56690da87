import type { InstallSettings } from './install-settings.ts'
import type { KubernetesManifest, Manifest } from './manifest.ts'
import { controlName } from '../../../control/kubernetes/cluster-names.ts'
import { controlSelector, metadataIn } from './names.ts'

/** How many replicas there are, and how many of them may be away. */
export function availabilityManifests(settings: InstallSettings, version: string): Manifest[] {
  const { podDisruptionBudget, autoscaling } = settings
  const budget = {
    comment:
      'While nodes are drained, one replica at a time; a single one does not keep its node from it.',
    object: disruptionBudget(version),
  }
  const scaler = {
    comment: 'How many replicas there are. Without a metrics server it stays at the least.',
    object: autoscaler(settings, version),
  }
  return [...(podDisruptionBudget ? [budget] : []), ...(autoscaling.enabled ? [scaler] : [])]
}

function disruptionBudget(version: string): KubernetesManifest {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataIn(version),
    spec: { maxUnavailable: 1, selector: { matchLabels: controlSelector } },
  }
}

function autoscaler(settings: InstallSettings, version: string): KubernetesManifest {
  const { replicas, autoscaling } = settings
  const { maxReplicas, cpuPercent: averageUtilization } = autoscaling
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadataIn(version),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: controlName },
      minReplicas: replicas,
      maxReplicas: Math.max(replicas, maxReplicas),
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
        },
      ],
    },
  }
}
