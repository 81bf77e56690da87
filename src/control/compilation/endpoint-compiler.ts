import type { Configuration } from '../../model/configuration.ts'
import type { Endpoint } from '../../model/endpoint.ts'
import type { EndpointSliceResource } from '../../model/kinds/endpoint-slice.ts'
import { selects, type ServicePort, type ServiceResource } from '../../model/kinds/service.ts'
import type { WorkloadResource } from '../../model/kinds/workload.ts'
import type { Registration } from '../../model/registration.ts'
import { selectSubset, type SubsetFields } from './endpoints/endpoint-labels.ts'
import { SidecarIndex } from './endpoints/sidecar-index.ts'
import {
  sliceEndpoints,
  slicePort,
  slicesByService,
  slicesOf,
  type SlicesByService,
} from './endpoints/slice-endpoints.ts'

/** Everything that can answer, ready to be selected by Services. */
export interface Instances {
  /** Those that are not ready as well; of two with one address the newer comes later. */
  readonly registrations: readonly Registration[]
  /** Workloads of the files by `namespace/name`. */
  readonly declared: ReadonlyMap<string, WorkloadResource>
  readonly slices: SlicesByService
  /** Of the registrations. Absent: who is registered answers, whatever slices say. */
  readonly sidecars?: SidecarIndex
}

export function indexInstances(
  configuration: Configuration,
  registrations: readonly Registration[],
): Instances {
  const declared = new Map(
    configuration.workloads.map(workload => [
      `${workload.metadata.namespace}/${workload.metadata.name}`,
      workload,
    ]),
  )
  return {
    registrations,
    declared,
    slices: slicesByService(configuration.endpointSlices),
    ...(configuration.membership === 'slices' && {
      sidecars: new SidecarIndex(registrations, configuration.injectedPods),
    }),
  }
}

/**
 * Who answers for one port of a Service, in an order that depends on nothing but their ids; of those whom its policy's
 * subset leaves.
 */
export function compileEndpoints(
  service: ServiceResource,
  port: ServicePort,
  instances: Instances,
  subset?: SubsetFields,
): Endpoint[] {
  const { sidecars, slices, declared } = instances
  // In a cluster a pod is a member by its slice; what was declared beside the pods is one by its labels, as in files.
  const registrations =
    sidecars === undefined
      ? instances.registrations.filter(registration => selects(service, registration))
      : declaredRegistrations(service, instances)
  const plain =
    sidecars === undefined
      ? slicesOf(service, slices).flatMap(slice => addressesOf(slice, port))
      : sliceEndpoints(service, port, slices, sidecars)
  const endpoints = new Map<string, Endpoint>()
  for (const registration of registrations) {
    const endpoint = registeredEndpoint(registration, port, instances)
    if (endpoint !== undefined) endpoints.set(endpoint.id, endpoint)
  }
  // What a sidecar stands before is reached through it, or not at all.
  const behindSidecars = new Set(
    registrations.flatMap(({ address, ports }) => ports.map(number => `${address}:${number}`)),
  )
  for (const endpoint of [...workloadEndpoints(service, port, declared), ...plain])
    if (!behindSidecars.has(endpoint.id) && !endpoints.has(endpoint.id))
      endpoints.set(endpoint.id, endpoint)
  const sorted = [...endpoints.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return selectSubset(sorted, subset)
}

/** Those that are a Workload's, which stands in no slice. */
function declaredRegistrations(
  service: ServiceResource,
  { registrations, declared }: Instances,
): readonly Registration[] {
  if (declared.size === 0) return []
  return registrations.filter(
    registration =>
      declared.has(`${registration.namespace}/${registration.name}`) &&
      selects(service, registration),
  )
}

/** Workloads that have no sidecar. With one they count when that has registered. */
function workloadEndpoints(
  service: ServiceResource,
  port: ServicePort,
  declared: Instances['declared'],
): Endpoint[] {
  return [...declared.values()]
    .filter(({ metadata, spec }) => !spec.sidecar.enabled && selects(service, metadata))
    .flatMap(workload => workloadEndpoint(workload, port) ?? [])
}

function registeredEndpoint(
  registration: Registration,
  port: ServicePort,
  { declared }: Instances,
): Endpoint | undefined {
  if (!registration.ready) return undefined
  const workload = declared.get(`${registration.namespace}/${registration.name}`)
  const target = targetPort(port, workload)
  if (target === undefined || !registration.ports.includes(target)) return undefined
  const { address, meshPort, identity } = registration
  const zone = registration.zone ?? workload?.spec.zone
  return {
    id: `${address}:${meshPort}`,
    address,
    port: target,
    mesh: { port: meshPort, identity },
    weight: workload?.spec.weight ?? 1,
    workload: registration.name,
    ...(zone !== undefined && { zone }),
    labels: registration.labels,
  }
}

function workloadEndpoint(workload: WorkloadResource, port: ServicePort): Endpoint | undefined {
  const target = targetPort(port, workload)
  if (target === undefined) return undefined
  const { address, weight, zone } = workload.spec
  return {
    id: `${address}:${target}`,
    address,
    port: target,
    weight,
    workload: workload.metadata.name,
    ...(zone !== undefined && { zone }),
    labels: workload.metadata.labels,
  }
}

function targetPort(
  { port, targetPort: target }: ServicePort,
  workload: WorkloadResource | undefined,
): number | undefined {
  if (target === undefined) return port
  if (typeof target === 'number') return target
  return workload?.spec.ports.find(candidate => candidate.name === target)?.port
}

/** Of files, whose slices are addresses outside the mesh. */
function addressesOf(slice: EndpointSliceResource, servicePort: ServicePort): Endpoint[] {
  const port = slicePort(slice, servicePort)
  if (port === undefined) return []
  // An absent condition means ready (EndpointConditions in discovery.k8s.io/v1).
  const ready = slice.endpoints.filter(endpoint => endpoint.conditions?.ready !== false)
  return ready.flatMap(({ addresses, zone }) =>
    addresses.map(address => ({
      id: `${address}:${port}`,
      address,
      port,
      weight: 1,
      workload: slice.metadata.name,
      ...(zone !== undefined && { zone }),
    })),
  )
}
