import { customGroup, customResources } from './custom-resources.ts'
import type { Manifest } from './manifest.ts'
import {
  authoritySecretName,
  controlName,
  systemNamespace,
  trustBundleName,
  webhookName,
} from '../../../control/kubernetes/cluster-names.ts'
import { clusterMetadata, metadataIn } from './names.ts'

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

const gateway = 'gateway.networking.k8s.io'
const routes = ['httproutes', 'grpcroutes']

/** What the control plane does in the whole cluster. Where objects have names that are known, those alone. */
const clusterRules: readonly Rule[] = [
  // Endpoints and configuration; identities of sidecars are those of their pods.
  rule('', ['services', 'pods', 'namespaces'], ['list', 'watch']),
  // A pod whose sidecar is faster than the watch.
  rule('', ['pods'], ['get']),
  rule('discovery.k8s.io', ['endpointslices'], ['list', 'watch']),
  // `get` after a conflict, before a status is written again.
  rule(gateway, routes, ['get', 'list', 'watch']),
  rule(gateway, routes.map(statusOf), ['patch']),
  rule('gateway.networking.x-k8s.io', ['xbackendtrafficpolicies'], ['list', 'watch']),
  rule(customGroup, customResources, ['get', 'list', 'watch']),
  rule(customGroup, customResources.map(statusOf), ['patch']),
  // Whose a sidecar's token is.
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
  // The trust bundle, in each namespace. RBAC cannot bind `create` to a name.
  named('', 'configmaps', trustBundleName, ['list', 'watch', 'patch']),
  rule('', ['configmaps'], ['create']),
  // The CA that the API server believes when it calls the webhook.
  named('admissionregistration.k8s.io', 'mutatingwebhookconfigurations', webhookName, [
    'list',
    'watch',
    'patch',
  ]),
]

/** What it does in its own namespace. */
const ownRules: readonly Rule[] = [
  // Key and certificate of the CA.
  named('', 'secrets', authoritySecretName, ['get']),
  rule('', ['secrets'], ['create']),
  // Which replica writes into the cluster.
  named('coordination.k8s.io', 'leases', controlName, ['get', 'update']),
  rule('coordination.k8s.io', ['leases'], ['create']),
]

const rbac = 'rbac.authorization.k8s.io'

/** Who the control plane is, and what it may do. */
export function accessManifests(version: string): Manifest[] {
  const subjects = [{ kind: 'ServiceAccount', name: controlName, namespace: systemNamespace }]
  const roleRef = (kind: string) => ({ apiGroup: rbac, kind, name: controlName })
  const cluster = clusterMetadata(version, controlName)
  const own = metadataIn(version)
  return [
    {
      comment: 'Who the control plane is for the API server.',
      object: {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: own,
        automountServiceAccountToken: false,
      },
    },
    {
      comment:
        'What it may do in the cluster: read what the mesh is made of, write status, hand out the trust bundle,\n' +
        'ask whose a token is, and tell the API server which CA its webhook has. It reads no Secret here.',
      object: roleOf('ClusterRole', cluster, clusterRules),
    },
    {
      comment: 'The same, given to it.',
      object: {
        ...roleOf('ClusterRoleBinding', cluster),
        roleRef: roleRef('ClusterRole'),
        subjects,
      },
    },
    {
      comment: 'What it may do in its own namespace: keep the key of the CA, and elect a leader.',
      object: roleOf('Role', own, ownRules),
    },
    {
      comment: 'The same, given to it.',
      object: { ...roleOf('RoleBinding', own), roleRef: roleRef('Role'), subjects },
    },
  ]
}

function roleOf(
  kind: string,
  metadata: Manifest['object']['metadata'],
  rules?: readonly Rule[],
): Manifest['object'] {
  return { apiVersion: `${rbac}/v1`, kind, metadata, ...(rules !== undefined && { rules }) }
}

function rule(group: string, resources: readonly string[], verbs: readonly string[]): Rule {
  return { apiGroups: [group], resources, verbs }
}

function named(group: string, resource: string, name: string, verbs: readonly string[]): Rule {
  return { apiGroups: [group], resources: [resource], resourceNames: [name], verbs }
}

function statusOf(resource: string): string {
  return `${resource}/status`
}
