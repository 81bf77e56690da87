import type { KubernetesManifest, Manifest } from './manifest.ts'
import {
  controlName,
  injectLabel,
  systemNamespace,
  systemNamespaces,
  webhookName,
} from '../../../control/kubernetes/cluster-names.ts'
import { clusterMetadata } from './names.ts'

/** The injector, as the API server knows it. */
export function webhookManifest(version: string): Manifest {
  return {
    comment:
      'Which pods the API server asks the injector about: those of namespaces with the label weft.dev/inject: enabled,\n' +
      'and those that have the label themselves. Never those of the system, so that a cluster always starts.\n' +
      'The CA is written in by the control plane once it runs.',
    object: configuration(version),
  }
}

/** Of pods and namespaces, as the injector reads them. */
const yes = ['enabled', 'true']
const no = ['disabled', 'false']

function configuration(version: string): KubernetesManifest {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: clusterMetadata(version, webhookName),
    webhooks: [
      webhook('namespaces.inject.weft.dev', {
        namespaces: { operator: 'In', values: ['enabled'] },
        pods: { operator: 'NotIn', values: no },
      }),
      webhook('pods.inject.weft.dev', {
        // Where a namespace says no, its pods do not say otherwise.
        namespaces: { operator: 'NotIn', values: ['enabled', 'disabled'] },
        pods: { operator: 'In', values: yes },
      }),
    ],
  }
}

interface Requirement {
  readonly operator: 'In' | 'NotIn'
  readonly values: readonly string[]
}

function webhook(
  name: string,
  { namespaces, pods }: { readonly namespaces: Requirement; readonly pods: Requirement },
): object {
  return {
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: {
      service: { name: controlName, namespace: systemNamespace, path: '/inject', port: 443 },
    },
    rules: [
      {
        operations: ['CREATE'],
        apiGroups: [''],
        apiVersions: ['v1'],
        resources: ['pods'],
        scope: 'Namespaced',
      },
    ],
    matchPolicy: 'Equivalent',
    namespaceSelector: {
      matchExpressions: [
        { key: injectLabel, ...namespaces },
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: systemNamespaces },
      ],
    },
    objectSelector: { matchExpressions: [{ key: injectLabel, ...pods }] },
    // Within these selectors somebody has asked for a sidecar: a pod without one would be outside the mesh, and open.
    // Its controller tries again as soon as a replica answers.
    failurePolicy: 'Fail',
    timeoutSeconds: 5,
    // Containers that another webhook adds later need their probes and ports taken over too.
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
  }
}
