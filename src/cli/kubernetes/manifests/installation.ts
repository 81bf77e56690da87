import { accessManifests } from './access.ts'
import { availabilityManifests } from './availability.ts'
import { controlPlaneManifests } from './control-plane.ts'
import { customResourceDefinitions } from './custom-resources.ts'
import type { InstallSettings } from './install-settings.ts'
import type { Manifest } from './manifest.ts'
import { monitoringManifests } from './monitoring.ts'
import { injectLabel, systemNamespace } from '../../../control/kubernetes/cluster-names.ts'
import { labelsFor } from './names.ts'
import { networkManifests } from './network.ts'
import { webhookManifest } from './webhook.ts'

/**
 * Everything that is installed, in an order that applies: what others need comes first, and the webhook last, so that no
 * pod waits for a control plane that is not even wanted yet.
 * @param version of this software.
 */
export function installation(settings: InstallSettings, version: string): Manifest[] {
  return [
    systemNamespaceManifest(version),
    ...(settings.customResources ? customResourceDefinitions(version) : []),
    ...accessManifests(version),
    ...networkManifests(settings, version),
    ...controlPlaneManifests(settings, version),
    ...availabilityManifests(settings, version),
    ...(settings.podMonitor ? monitoringManifests(version) : []),
    webhookManifest(version),
  ]
}

function systemNamespaceManifest(version: string): Manifest {
  const level = Object.fromEntries(
    ['enforce', 'audit', 'warn'].map(mode => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
  )
  return {
    comment: 'Home of the control plane. Nothing in it needs any privilege.',
    object: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: systemNamespace,
        labels: { ...labelsFor(version), ...level, [injectLabel]: 'disabled' },
      },
    },
  }
}
