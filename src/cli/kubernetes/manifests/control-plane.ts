import { stringify } from 'yaml'
import type { InstallSettings } from './install-settings.ts'
import type { KubernetesManifest, Manifest } from './manifest.ts'
import { controlName } from '../../../control/kubernetes/cluster-names.ts'
import { controlPorts, controlSelector, injectionName, labelsFor, metadataIn } from './names.ts'

/** Of the user in the image, which also sidecars have. */
const user = 1337
const injectionFolder = '/etc/weft'
const injectionFile = 'injection.yaml'
const stateFolder = '/var/lib/weft'
/** Until nobody is sent to a replica any more that is about to end; the image has no `sleep`. */
const leaveMs = 5000

/** The control plane, and the settings of its injector. */
export function controlPlaneManifests(settings: InstallSettings, version: string): Manifest[] {
  return [
    {
      comment:
        'What every injected pod gets. The control plane follows it: no restart is needed after a change.',
      object: injectionConfig(settings, version),
    },
    {
      comment:
        'The control plane. It keeps nothing that another replica would miss: the key of the CA is in a Secret,\n' +
        'everything else in the objects of the cluster.',
      object: deployment(settings, version),
    },
  ]
}

function injectionConfig(settings: InstallSettings, version: string): KubernetesManifest {
  const { imagePullPolicy, trustDomain, injection } = settings
  const content = {
    image: imageOf(settings, version),
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    trustDomain,
    ...injection,
  }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataIn(version, injectionName),
    data: { [injectionFile]: stringify(content) },
  }
}

function imageOf({ image }: InstallSettings, version: string): string {
  return image ?? `weft:${version}`
}

function deployment(settings: InstallSettings, version: string): KubernetesManifest {
  const { replicas, autoscaling } = settings
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataIn(version),
    spec: {
      // With an autoscaler it is the autoscaler's; applying this again must not undo what it did.
      ...(!autoscaling.enabled && { replicas }),
      selector: { matchLabels: controlSelector },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: labelsFor(version),
          annotations: {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': String(controlPorts.admin),
            'prometheus.io/path': '/metrics',
          },
        },
        spec: podSpec(settings, version),
      },
    },
  }
}

function podSpec(settings: InstallSettings, version: string): object {
  const { imagePullSecrets, nodeSelector, tolerations, priorityClassName } = settings
  return {
    serviceAccountName: controlName,
    automountServiceAccountToken: true,
    ...(imagePullSecrets.length > 0 && {
      imagePullSecrets: imagePullSecrets.map(name => ({ name })),
    }),
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
    ...(tolerations.length > 0 && { tolerations }),
    topologySpreadConstraints: ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map(
      topologyKey => ({
        topologyKey,
        maxSkew: 1,
        // A cluster of one node must do.
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: controlSelector },
        matchLabelKeys: ['pod-template-hash'],
      }),
    ),
    terminationGracePeriodSeconds: 30,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container(settings, version)],
    volumes: [
      { name: 'state', emptyDir: { sizeLimit: '64Mi' } },
      { name: 'injection', configMap: { name: injectionName } },
    ],
  }
}

function container(settings: InstallSettings, version: string): object {
  const { imagePullPolicy, trustDomain, resources } = settings
  return {
    name: 'control',
    image: imageOf(settings, version),
    ...(imagePullPolicy !== undefined && { imagePullPolicy }),
    args: [
      'control',
      '--kubernetes',
      `--push=0.0.0.0:${controlPorts.push}`,
      `--admin=0.0.0.0:${controlPorts.admin}`,
      `--webhook=0.0.0.0:${controlPorts.webhook}`,
      `--injection=${injectionFolder}/${injectionFile}`,
      `--state-directory=${stateFolder}`,
      `--trust-domain=${trustDomain}`,
    ],
    env: [field('POD_NAME', 'metadata.name'), field('POD_NAMESPACE', 'metadata.namespace')],
    ports: Object.entries(controlPorts).map(([name, containerPort]) => ({ name, containerPort })),
    // Its admin port opens last of all. Reading a large cluster takes a while.
    startupProbe: probe('/healthz', { periodSeconds: 1, failureThreshold: 120 }),
    readinessProbe: probe('/readyz', { periodSeconds: 5, failureThreshold: 2 }),
    livenessProbe: probe('/healthz', { periodSeconds: 10, failureThreshold: 6 }),
    lifecycle: { preStop: { exec: { command: ['node', '-e', `setTimeout(Object, ${leaveMs})`] } } },
    resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      { name: 'state', mountPath: stateFolder },
      { name: 'injection', mountPath: injectionFolder, readOnly: true },
    ],
  }
}

function probe(path: string, times: object): object {
  return { httpGet: { path, port: 'admin' }, timeoutSeconds: 3, ...times }
}

function field(name: string, fieldPath: string): object {
  return { name, valueFrom: { fieldRef: { fieldPath } } }
}
