import type { AuthorizationPolicyResource } from '../../../model/kinds/authorization-policy.ts'
import type { EndpointSliceResource } from '../../../model/kinds/endpoint-slice.ts'
import type { FunctionResource } from '../../../model/kinds/function/function.ts'
import type { GrpcRouteResource } from '../../../model/kinds/grpc-route.ts'
import type { HttpRouteResource } from '../../../model/kinds/http-route.ts'
import type { MeshResource } from '../../../model/kinds/mesh.ts'
import type { RequestAuthenticationResource } from '../../../model/kinds/request-authentication.ts'
import type { ServiceResource } from '../../../model/kinds/service.ts'
import type { BackendTrafficPolicyResource } from '../../../model/kinds/traffic/backend-traffic-policy.ts'
import type { ServiceEntryResource } from '../../../model/kinds/service-entry.ts'
import type { TrafficPolicyResource } from '../../../model/kinds/traffic-policy.ts'
import type { WorkloadResource } from '../../../model/kinds/workload.ts'
import type { Resource } from '../../../model/parsing/validate.ts'
import type { KubernetesObject } from '../api/kubernetes-object.ts'
import { readGuard } from './read-guard.ts'
import {
  readOwn,
  readRoute,
  readService,
  readSilently,
  readSlice,
  type ApiKind,
} from './read-object.ts'
import type { WatchedObject } from './watched-object.ts'

/** All that becomes configuration, by the field of Configuration that it fills. */
export interface WatchedConfiguration {
  readonly meshes: Iterable<WatchedObject<MeshResource>>
  readonly services: Iterable<WatchedObject<ServiceResource>>
  readonly endpointSlices: Iterable<WatchedObject<EndpointSliceResource>>
  readonly httpRoutes: Iterable<WatchedObject<HttpRouteResource>>
  readonly grpcRoutes: Iterable<WatchedObject<GrpcRouteResource>>
  readonly workloads: Iterable<WatchedObject<WorkloadResource>>
  readonly trafficPolicies: Iterable<WatchedObject<TrafficPolicyResource>>
  readonly backendTrafficPolicies: Iterable<WatchedObject<BackendTrafficPolicyResource>>
  readonly serviceEntries: Iterable<WatchedObject<ServiceEntryResource>>
  readonly functions: Iterable<WatchedObject<FunctionResource>>
  readonly authorizationPolicies: Iterable<WatchedObject<AuthorizationPolicyResource>>
  readonly requestAuthentications: Iterable<WatchedObject<RequestAuthenticationResource>>
}

export interface WatchedKind {
  readonly path: string
  readonly what: string
  /** It comes with a CRD that need not be installed. */
  readonly optional: boolean
  readonly read: (object: KubernetesObject) => WatchedObject | undefined
}

type Read = (api: ApiKind, object: KubernetesObject) => WatchedObject | undefined

function watched(api: ApiKind, what: string, read: Read): WatchedKind {
  const isCore = api.apiVersion === 'v1'
  return {
    path: `/${isCore ? 'api' : 'apis'}/${api.apiVersion}/${api.plural}`,
    what,
    optional: !isCore && api.apiVersion !== 'discovery.k8s.io/v1',
    read: object => read(api, object),
  }
}

function own(
  kind: Resource['kind'],
  plural: string,
  what: string,
  read: Read = readOwn,
): WatchedKind {
  return watched({ apiVersion: 'weft.dev/v1alpha1', kind, plural }, what, read)
}

const gateway = 'gateway.networking.k8s.io/v1'

export const watchedKinds: Readonly<Record<keyof WatchedConfiguration, WatchedKind>> = {
  meshes: own('Mesh', 'meshes', 'Meshes'),
  services: watched(
    { apiVersion: 'v1', kind: 'Service', plural: 'services' },
    'Services',
    readService,
  ),
  endpointSlices: watched(
    { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', plural: 'endpointslices' },
    'EndpointSlices',
    readSlice,
  ),
  httpRoutes: watched(
    { apiVersion: gateway, kind: 'HTTPRoute', plural: 'httproutes' },
    'HTTPRoutes',
    readRoute,
  ),
  grpcRoutes: watched(
    { apiVersion: gateway, kind: 'GRPCRoute', plural: 'grpcroutes' },
    'GRPCRoutes',
    readRoute,
  ),
  workloads: own('Workload', 'workloads', 'Workloads'),
  backendTrafficPolicies: watched(
    {
      apiVersion: 'gateway.networking.x-k8s.io/v1alpha1',
      kind: 'XBackendTrafficPolicy',
      plural: 'xbackendtrafficpolicies',
    },
    'XBackendTrafficPolicies',
    readSilently,
  ),
  trafficPolicies: own('TrafficPolicy', 'trafficpolicies', 'TrafficPolicies'),
  serviceEntries: own('ServiceEntry', 'serviceentries', 'ServiceEntries'),
  functions: own('Function', 'functions', 'Functions'),
  authorizationPolicies: own(
    'AuthorizationPolicy',
    'authorizationpolicies',
    'AuthorizationPolicies',
    readGuard,
  ),
  requestAuthentications: own(
    'RequestAuthentication',
    'requestauthentications',
    'RequestAuthentications',
    readGuard,
  ),
}
