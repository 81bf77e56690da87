import { isIP } from 'node:net'
import type { Subscribed } from '../../discovery/message.ts'
import { declaredProtocol } from '../../model/app-protocol.ts'
import type { Cluster } from '../../model/cluster.ts'
import type { Configuration } from '../../model/configuration.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import type { Inbound } from '../../model/inbound.ts'
import { qualifiedFunction, type HostedFunction } from '../../model/function/function.ts'
import type { NatsQueue } from '../../model/function/function-events.ts'
import type { FunctionResource } from '../../model/kinds/function/function.ts'
import { takesPort, type RouteParent } from '../../model/kinds/gateway-route.ts'
import {
  clusterAddresses,
  serviceHosts,
  type ServicePort,
  type ServiceResource,
} from '../../model/kinds/service.ts'
import type { ServiceEntryResource } from '../../model/kinds/service-entry.ts'
import type { Registration } from '../../model/registration.ts'
import { overloadDefaults, type OverloadPolicy } from '../../model/policy/overload.ts'
import type { Route } from '../../model/route.ts'
import type { Service } from '../../model/service.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import { snapshotVersion } from '../../model/snapshot-version.ts'
import { qualify } from '../../model/qualified-name.ts'
import type { PolicyWorkload } from './authorization/policy-scope.ts'
import { WorkloadPolicies } from './authorization/workload-policies.ts'
import { localityFor } from './balancing-compiler.ts'
import { compileCluster } from './cluster-compiler.ts'
import { compileEndpoints, indexInstances, type Instances } from './endpoint-compiler.ts'
import { zonesOf } from './endpoints/zones.ts'
import {
  compileFunction,
  functionCluster,
  functionEndpoints,
  functionHosts,
  functionPort,
  functionQualifiers,
  functionRetry,
  functionServiceName,
  type MeshFacts,
} from './function-compiler.ts'
import { BackendIndex, meshPorts, type BackendReference } from './matching/backend-index.ts'
import { compileServiceEntry, isExportedTo } from './egress/service-entry-compiler.ts'
import { clustersOf } from './matching/filter-compiler.ts'
import { deriveSessionKey } from './matching/session-compiler.ts'
import { InboundLimits } from './inbound-limits.ts'
import { compileRoutes, type RouteResource } from './route-compiler.ts'
import { compileRoutePolicy, type RoutePolicy } from './route-policy-compiler.ts'
import { TrafficPolicies, type RuleName, type TrafficPolicySpec } from './traffic-policies.ts'

/** What all sidecars share, computed once for each change of configuration or registrations. */
export interface CompiledMesh {
  readonly configuration: Configuration
  /** What their hosts are told, by `<name>.<namespace>`. */
  readonly functions: ReadonlyMap<string, HostedFunction>
  /** By `<service>.<namespace>:<port>`. */
  readonly services: ReadonlyMap<string, CompiledService>
  /** Of those who have registered, by `<namespace>/<name>`. */
  readonly zones: ReadonlyMap<string, string>
  /** Of the applications of workloads. */
  readonly inboundLimits: InboundLimits
  readonly policies: WorkloadPolicies
}

interface CompiledService {
  readonly namespace: string
  /** `orders.default`, as subscriptions name it. */
  readonly qualifiedName: string
  readonly service: Service
  /** By the namespace that they stand in; those of another than the Service's hold for callers there. */
  readonly attachedRoutes: ReadonlyMap<string, readonly Route[]>
  readonly cluster: Cluster
  readonly endpoints: readonly Endpoint[]
  /** What the policy says of zones. */
  readonly locality?: LocalityFields | undefined
  /** Present: it is beyond the mesh, and known where this says. */
  readonly entry?: ServiceEntryResource
}

type LocalityFields = NonNullable<TrafficPolicySpec['loadBalancing']>['locality']

/**
 * @param sessionSecret of the mesh, from which the keys of sessions are derived. Default: none, for whoever only looks
 * at what was compiled.
 */
export function compileMesh(
  configuration: Configuration,
  registrations: readonly Registration[],
  sessionSecret = '',
): CompiledMesh {
  const instances = indexInstances(configuration, registrations)
  const routes = Map.groupBy(
    parentsOf([...configuration.httpRoutes, ...configuration.grpcRoutes]),
    ({ service }) => service,
  )
  const context: Context = {
    instances,
    routes,
    policies: new TrafficPolicies(configuration),
    backends: new BackendIndex(configuration),
    sessionSecret,
  }
  const services = new Map<string, CompiledService>()
  for (const resource of configuration.services)
    for (const port of meshPorts(resource)) {
      const compiled = compileService(resource, port, context)
      services.set(compiled.service.name, compiled)
    }
  for (const resource of configuration.functions)
    for (const compiled of compileFunctionServices(resource, registrations))
      services.set(compiled.service.name, compiled)
  // What a Service or a Function is called leads there, whatever an entry says.
  const taken = new Set([...services.values()].flatMap(({ service }) => service.hosts))
  for (const resource of configuration.serviceEntries)
    for (const compiled of compileEntry(resource, context.policies))
      if (!compiled.service.hosts.some(host => taken.has(host)))
        services.set(compiled.service.name, compiled)
  const functions = new Map(
    configuration.functions.map(resource => [
      qualify(resource.metadata),
      compileFunction(resource, factsOf(configuration)),
    ]),
  )
  return {
    configuration,
    functions,
    services,
    zones: zonesOf(configuration, registrations),
    inboundLimits: new InboundLimits(configuration, context.policies),
    policies: new WorkloadPolicies(configuration),
  }
}

function factsOf({ mesh }: Configuration): MeshFacts {
  return { queue: queueOf(mesh), region: mesh.region }
}

function queueOf({ eventQueue }: Configuration['mesh']): NatsQueue | undefined {
  const nats = eventQueue?.nats
  if (nats === undefined) return undefined
  const { credentials, tls, ...rest } = nats
  return {
    ...rest,
    ...(credentials !== undefined && { credentials }),
    ...(tls !== undefined && { tls: tls.caFile === undefined ? {} : { caFile: tls.caFile } }),
  }
}

/** Of a sidecar, as far as it decides about its snapshot. */
export interface SnapshotTarget extends PolicyWorkload {
  /** Absent: nothing is known of it. */
  readonly zone?: string | undefined
}

/** The part of the mesh that one sidecar needs. */
export function snapshotFor(
  mesh: CompiledMesh,
  target: SnapshotTarget,
  subscribed: Subscribed,
): Snapshot {
  const content = {
    services: {} as Record<string, Service>,
    clusters: {} as Record<string, Cluster>,
    endpoints: {} as Record<string, readonly Endpoint[]>,
    inbound: compileInbound(mesh, target),
    outbound: { trafficPolicy: mesh.configuration.mesh.outboundTrafficPolicy },
  }
  const addCluster = (name: string): void => {
    const compiled = mesh.services.get(name)
    if (compiled === undefined) return
    const { cluster, endpoints } = compiled
    const locality = localityFor(cluster, endpoints, target.zone, compiled.locality)
    content.clusters[name] = locality === undefined ? cluster : { ...cluster, locality }
    content.endpoints[name] = endpoints
  }
  for (const compiled of mesh.services.values()) {
    if (subscribed !== '*' && !subscribed.includes(compiled.qualifiedName)) continue
    if (compiled.entry !== undefined && !isExportedTo(compiled.entry, target.namespace)) continue
    const service = forCaller(compiled, target.namespace)
    content.services[service.name] = service
    addCluster(service.name)
    for (const route of service.routes) for (const cluster of clustersOf(route)) addCluster(cluster)
  }
  return { version: snapshotVersion(content), ...content }
}

interface Context {
  readonly instances: Instances
  readonly routes: ReadonlyMap<string, readonly AttachedRoute[]>
  readonly policies: TrafficPolicies
  readonly backends: BackendIndex
  readonly sessionSecret: string
}

interface AttachedRoute {
  readonly service: string
  readonly parent: RouteParent
  readonly route: RouteResource
}

function compileService(
  resource: ServiceResource,
  port: ServicePort,
  context: Context,
): CompiledService {
  const { namespace } = resource.metadata
  const qualifiedName = qualify(resource.metadata)
  const name = `${qualifiedName}:${port.port}`
  const policy = context.policies.ofService(qualifiedName, port.port)
  const backends = [{ cluster: name, weight: 1 }]
  const fallback = {
    name: 'default',
    matches: [],
    backends,
    ...compileRoutePolicy(undefined, policy),
  }
  const attached = compileAttached({ service: qualifiedName, port, policy }, context)
  const routes = attached.get(namespace) ?? [fallback]
  return {
    namespace,
    qualifiedName,
    service: {
      name,
      hosts: [...serviceHosts(resource.metadata), ...addressesOf(resource)],
      port: port.port,
      routes,
    },
    attachedRoutes: attached,
    cluster: compileCluster(name, policy, declaredProtocol(port)),
    endpoints: compileEndpoints(resource, port, context.instances, policy?.loadBalancing?.subset),
    locality: policy?.loadBalancing?.locality,
  }
}

/** A function as callers see it: services of one port, without routes of their own; each version and alias is one. */
function compileFunctionServices(
  resource: FunctionResource,
  registrations: readonly Registration[],
): CompiledService[] {
  const { metadata } = resource
  return functionQualifiers(resource).map(qualifier => {
    const named = {
      name: qualifiedFunction(metadata.name, qualifier),
      namespace: metadata.namespace,
    }
    const qualifiedName = functionServiceName(named)
    const name = `${qualifiedName}:${functionPort}`
    const backends = [{ cluster: name, weight: 1 }]
    const route: Route = { name: 'default', matches: [], backends, retry: functionRetry }
    return {
      namespace: metadata.namespace,
      qualifiedName,
      service: { name, hosts: functionHosts(named), port: functionPort, routes: [route] },
      attachedRoutes: new Map(),
      cluster: functionCluster(name, resource),
      endpoints: functionEndpoints(metadata, registrations, qualifier),
    }
  })
}

/** What is beyond the mesh, as callers see it. */
function compileEntry(
  entry: ServiceEntryResource,
  policies: Context['policies'],
): CompiledService[] {
  const { namespace } = entry.metadata
  const external = compileServiceEntry(entry, port => policies.ofEntry(entry.metadata, port))
  return external.map(({ service, cluster, endpoints }) => {
    const qualifiedName = service.hosts[0] ?? ''
    return {
      namespace,
      qualifiedName,
      service,
      cluster,
      endpoints,
      entry,
      attachedRoutes: new Map(),
    }
  })
}

interface Attachment {
  readonly service: string
  readonly port: ServicePort
  readonly policy: TrafficPolicySpec | undefined
}

/**
 * The routes of one port, by the namespace that they stand in. GEP-1294: those of the Service's own namespace hold for
 * all callers, others for callers of that other namespace only, and there instead of the Service's own.
 */
function compileAttached(
  { service, port, policy }: Attachment,
  context: Context,
): ReadonlyMap<string, readonly Route[]> {
  const attached = (context.routes.get(service) ?? []).filter(({ parent }) =>
    takesPort(parent, port),
  )
  // A route can be attached to the Service and, once more, to this port of it.
  const resources = [...new Set(attached.map(({ route }) => route))]
  const clusterOf = (backend: BackendReference): string | undefined => {
    const resolution = context.backends.resolve(backend)
    return 'cluster' in resolution ? resolution.cluster : undefined
  }
  const sessionKey = deriveSessionKey(context.sessionSecret, `${service}:${port.port}`)
  const { retry } = compileRoutePolicy(undefined, policy)
  const policyOf = (rule: RuleName): RoutePolicy =>
    compileRoutePolicy(context.policies.ofRule(rule), policy)
  const byNamespace = Map.groupBy(resources, ({ metadata }) => metadata.namespace)
  return new Map(
    [...byNamespace].map(([namespace, list]) => [
      namespace,
      compileRoutes(list, { retry, policyOf, clusterOf, sessionKey }),
    ]),
  )
}

/** The short name comes first, for callers of the same namespace only. */
/** What applications that ask the cluster's DNS connect to. */
function addressesOf(service: ServiceResource): string[] {
  const addresses = clusterAddresses(service).filter(address => isIP(address) !== 0)
  return addresses.map(address => (isIP(address) === 6 ? `[${address}]` : address))
}

function forCaller(
  { service, namespace, attachedRoutes, entry }: CompiledService,
  callerNamespace: string,
): Service {
  // A host has one name everywhere.
  if (namespace === callerNamespace || entry !== undefined) return service
  const routes = attachedRoutes.get(callerNamespace) ?? service.routes
  return { ...service, hosts: service.hosts.slice(1), routes }
}

/** Gateway API: ties of precedence go to the older route, then to the first by name. Files have no ages. */
function parentsOf(routes: readonly RouteResource[]): AttachedRoute[] {
  return routes.toSorted(byAge).flatMap(route =>
    route.spec.parentRefs.map(parent => ({
      service: qualify({
        name: parent.name,
        namespace: parent.namespace ?? route.metadata.namespace,
      }),
      parent,
      route,
    })),
  )
}

function byAge({ metadata: a }: RouteResource, { metadata: b }: RouteResource): number {
  const [ageOfA, ageOfB] = [a.creationTimestamp, b.creationTimestamp]
  if (typeof ageOfA === 'string' && typeof ageOfB === 'string' && ageOfA !== ageOfB)
    return ageOfA < ageOfB ? -1 : 1
  return a.name < b.name ? -1 : 1
}

function compileInbound(
  { configuration, functions, inboundLimits: limits, policies }: CompiledMesh,
  target: SnapshotTarget,
): Inbound {
  const { mtls, maxConnectionAge, overload } = configuration.mesh
  const { namespace, function: name } = target
  const adaptiveConcurrency = limits.of(target)
  const hosted = name === undefined ? undefined : functions.get(qualify({ name, namespace }))
  return {
    mtls,
    ...(maxConnectionAge !== undefined && { maxConnectionAgeMs: maxConnectionAge }),
    ...(hosted !== undefined && { function: hosted }),
    ...(adaptiveConcurrency !== undefined && { adaptiveConcurrency }),
    ...(overload !== undefined && { overload: compileOverload(overload) }),
    ...policies.of(target),
  }
}

function compileOverload({
  enabled = overloadDefaults.enabled,
  eventLoopDelay,
  heap,
}: NonNullable<Configuration['mesh']['overload']>): OverloadPolicy {
  const { eventLoopDelayMs, heapRatio } = overloadDefaults
  return {
    enabled,
    eventLoopDelayMs: {
      start: eventLoopDelay?.start ?? eventLoopDelayMs.start,
      full: eventLoopDelay?.full ?? eventLoopDelayMs.full,
    },
    heapRatio: { start: heap?.start ?? heapRatio.start, full: heap?.full ?? heapRatio.full },
  }
}
