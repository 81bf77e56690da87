// Those files of the chart that say nothing of their own: all in them that values can change is whether they count.
import { z } from 'zod'
import { accessManifests } from '../../src/cli/kubernetes/manifests/access.ts'
import { availabilityManifests } from '../../src/cli/kubernetes/manifests/availability.ts'
import { customResourceDefinitions } from '../../src/cli/kubernetes/manifests/custom-resources.ts'
import { installSettings } from '../../src/cli/kubernetes/manifests/install-settings.ts'
import { formatManifests, type Manifest } from '../../src/cli/kubernetes/manifests/manifest.ts'
import { monitoringManifests } from '../../src/cli/kubernetes/manifests/monitoring.ts'
import { networkManifests } from '../../src/cli/kubernetes/manifests/network.ts'
import { webhookManifest } from '../../src/cli/kubernetes/manifests/webhook.ts'

/** Stands where the version does. */
const version = '{{ .Chart.AppVersion }}'

/** By their paths in the chart. */
export function chartFiles(): ReadonlyMap<string, string> {
  const settings = installSettings.parse({})
  const network = networkManifests(settings, version)
  const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
    manifests.filter(({ object }) => object.kind === kind)
  const budget = ofKind(availabilityManifests(settings, version), 'PodDisruptionBudget')
  return new Map([
    ['templates/access.yaml', template(accessManifests(version))],
    ['templates/crds.yaml', template(customResourceDefinitions(version), 'customResources')],
    ['templates/disruption.yaml', template(budget, 'podDisruptionBudget')],
    ['templates/monitoring.yaml', template(monitoringManifests(version), 'podMonitor')],
    ['templates/network-policy.yaml', template(ofKind(network, 'NetworkPolicy'), 'networkPolicy')],
    ['templates/service.yaml', template(ofKind(network, 'Service'))],
    ['templates/webhook.yaml', template([webhookManifest(version)])],
    ['values.schema.json', `${JSON.stringify(valuesSchema(), null, 2)}\n`],
  ])
}

const made = '# Made by deploy/helm/write.ts.\n'

/** @throws Error where Helm would take a text for a directive of its own. */
function template(manifests: readonly Manifest[], condition?: string): string {
  const text = formatManifests(manifests)
  if (text.replaceAll(version, '').includes('{{')) throw new Error('a text of it has "{{"')
  return condition === undefined
    ? `${made}${text}`
    : `${made}{{- if .Values.${condition} }}\n${text}{{- end }}\n`
}

function valuesSchema(): object {
  const { $schema, properties, ...rest } = z.toJSONSchema(installSettings, {
    io: 'input',
    target: 'draft-07',
  })
  // Helm gives it to every chart that is part of another.
  const global = { type: 'object' }
  return { $schema, title: 'Values of Weft', ...rest, properties: { ...properties, global } }
}
