import type { Test } from 'tap'
import { monotonicNow } from '../../../../../src/base/clock.ts'
import { silentLogger } from '../../../../../src/base/log.ts'
import {
  KubernetesSource,
  type KubernetesSourceOptions,
} from '../../../../../src/control/kubernetes/source/kubernetes-source.ts'
import type { LoadResult } from '../../../../../src/model/configuration.ts'
import { FakeApiServer } from '../../../../support/kubernetes/fake-api-server.ts'
import type { FakeObject } from '../../../../support/kubernetes/fake-objects.ts'
import { clientOf } from '../api/watching.ts'

export const paths = {
  services: '/api/v1/services',
  pods: '/api/v1/pods',
  namespaces: '/api/v1/namespaces',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  httpRoutes: '/apis/gateway.networking.k8s.io/v1/httproutes',
  grpcRoutes: '/apis/gateway.networking.k8s.io/v1/grpcroutes',
  meshes: '/apis/weft.dev/v1alpha1/meshes',
  policies: '/apis/weft.dev/v1alpha1/trafficpolicies',
  functions: '/apis/weft.dev/v1alpha1/functions',
  workloads: '/apis/weft.dev/v1alpha1/workloads',
} as const

/** As the API server has them: with defaults, and with what nobody here asks for. */
export function service(name: string, spec: object = {}, metadata: object = {}): FakeObject {
  return {
    metadata: {
      name,
      namespace: 'shop',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }],
      ...metadata,
    },
    spec: {
      type: 'ClusterIP',
      selector: { app: name },
      ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ...spec,
    },
    status: { loadBalancer: {} },
  }
}

export function slice(service: string, addresses: readonly string[], changes: object = {}) {
  return {
    metadata: {
      name: `${service}-abc`,
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': service, other: 'x' },
    },
    addressType: 'IPv4',
    endpoints: addresses.map((address, index) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node-1',
      targetRef: { kind: 'Pod', namespace: 'shop', name: `${service}-${index}`, uid: 'u' },
    })),
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    ...changes,
  }
}

/** From one Service to others of its namespace. */
export function route(name: string, spec: object = {}, metadata: object = {}): FakeObject {
  return {
    metadata: { name, namespace: 'shop', ...metadata },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: 'orders' }],
      rules: [
        { backendRefs: [{ group: '', kind: 'Service', name: 'orders', port: 80, weight: 1 }] },
      ],
      ...spec,
    },
  }
}

export interface Cluster {
  readonly server: FakeApiServer
  readonly source: KubernetesSource
  /** What the source has told since it is watched. */
  readonly results: LoadResult[]
}

type Changes = Partial<KubernetesSourceOptions> & {
  readonly prepare?: (server: FakeApiServer) => void
}

/** A source that follows a fake API server, without waiting for quiet. */
export async function followCluster(t: Test, changes: Changes = {}): Promise<Cluster> {
  const { prepare, ...options } = changes
  const server = await FakeApiServer.start(t)
  prepare?.(server)
  const source = KubernetesSource.start({
    api: await clientOf(t, server),
    namespace: 'weft-system',
    logger: silentLogger,
    now: monotonicNow,
    random: () => 0.5,
    quietMs: 1,
    maxDelayMs: 20,
    ...options,
  })
  t.teardown(() => source.close())
  const results: LoadResult[] = []
  await source.watch(result => results.push(result))
  return { server, source, results }
}
