import { isIP } from 'node:net'
import type { Endpoint } from '../../../model/endpoint.ts'
import {
  serviceNameLabel,
  type EndpointSliceResource,
} from '../../../model/kinds/endpoint-slice.ts'
import type { ServicePort, ServiceResource } from '../../../model/kinds/service.ts'
import type { Sidecar, SidecarIndex, SliceMember } from './sidecar-index.ts'

export type SlicesByService = ReadonlyMap<string, readonly EndpointSliceResource[]>

/** By `namespace/service`, each list by the slices' names, so that the order of documents decides nothing. */
export function slicesByService(slices: readonly EndpointSliceResource[]): SlicesByService {
  const sorted = slices.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  return Map.groupBy(
    sorted,
    ({ metadata }) => `${metadata.namespace}/${metadata.labels[serviceNameLabel]}`,
  )
}

export function slicesOf(
  { metadata }: ServiceResource,
  slices: SlicesByService,
): readonly EndpointSliceResource[] {
  return slices.get(`${metadata.namespace}/${metadata.name}`) ?? []
}

/** The port of a slice that a Service's port means: by its name, which may be none. */
export function slicePort(
  { ports }: EndpointSliceResource,
  { name }: ServicePort,
): number | undefined {
  const found = ports.find(
    candidate => (candidate.name ?? '') === (name ?? '') && (candidate.protocol ?? 'TCP') === 'TCP',
  )
  return found?.port ?? undefined
}

type SliceEndpoint = EndpointSliceResource['endpoints'][number]
type State = 'ready' | 'terminating'

interface Member extends SliceMember {
  /** All of one pod, of both families where it has two. */
  addresses: string[]
  state: State
  readonly zone: string | undefined
  readonly workload: string
}

/**
 * Who answers for one port of a Service by its EndpointSlices, as kube-proxy reads them: a pod is one endpoint, in
 * however many slices it stands; those that are ready count, and while none is, those that still serve although they
 * are going. What a sidecar stands before is reached through it, which must be ready as well.
 */
export function sliceEndpoints(
  service: ServiceResource,
  port: ServicePort,
  slices: SlicesByService,
  sidecars: SidecarIndex,
): Endpoint[] {
  const members = membersOf(slicesOf(service, slices), port)
  const isAnyReady = members.some(({ state }) => state === 'ready')
  const serving = isAnyReady ? members.filter(({ state }) => state === 'ready') : members
  const family = familyOf(service)
  return serving.flatMap(member => endpointOf(member, { service, sidecars, family }) ?? [])
}

function membersOf(slices: readonly EndpointSliceResource[], servicePort: ServicePort): Member[] {
  const members = new Map<string, Member>()
  for (const slice of slices) {
    const port = slicePort(slice, servicePort)
    if (port === undefined) continue
    for (const endpoint of slice.endpoints) {
      const state = stateOf(endpoint)
      if (state !== undefined) addMember(members, { slice, endpoint, port, state })
    }
  }
  return [...members.values()]
}

interface Found {
  readonly slice: EndpointSliceResource
  readonly endpoint: SliceEndpoint
  readonly port: number
  readonly state: State
}

/** While the controller moves a pod between slices it stands in two: what one of them says for it counts. */
function addMember(members: Map<string, Member>, { slice, endpoint, port, state }: Found): void {
  const pod = podOf(slice, endpoint)
  // Of several addresses each leads to the same (EndpointSlice reference, "addresses"): the first is enough.
  const [address = ''] = endpoint.addresses
  const key = `${pod === undefined ? address : `${pod.namespace}/${pod.name}`} ${port}`
  const known = members.get(key)
  if (known !== undefined) {
    if (!known.addresses.includes(address)) known.addresses.push(address)
    if (state === 'ready') known.state = state
    return
  }
  members.set(key, {
    pod,
    addresses: [address],
    port,
    state,
    zone: endpoint.zone,
    workload: pod?.name ?? slice.metadata.name,
  })
}

/** EndpointConditions in discovery.k8s.io/v1: what is not said of readiness means yes, of termination no. */
function stateOf({ conditions = {} }: SliceEndpoint): State | undefined {
  const ready = conditions.ready ?? true
  if (ready) return 'ready'
  return conditions.terminating === true && (conditions.serving ?? ready)
    ? 'terminating'
    : undefined
}

function podOf({ metadata }: EndpointSliceResource, { targetRef }: SliceEndpoint) {
  if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return undefined
  return { namespace: targetRef.namespace ?? metadata.namespace, name: targetRef.name }
}

interface Surroundings {
  readonly service: ServiceResource
  readonly sidecars: SidecarIndex
  readonly family: 4 | 6
}

function endpointOf(
  member: Member,
  { service, sidecars, family }: Surroundings,
): Endpoint | undefined {
  const { addresses, port, zone, workload } = member
  const sidecar = sidecars.find(member, service.metadata.namespace)
  if (sidecar !== undefined) return sidecar.ready ? meshEndpoint(sidecar, member) : undefined
  const address = addresses.find(candidate => isIP(candidate) === family) ?? addresses[0] ?? ''
  return {
    id: `${address}:${port}`,
    address,
    port,
    weight: 1,
    workload,
    ...(zone !== undefined && { zone }),
  }
}

function meshEndpoint(
  { address, meshPort, identity, name, zone: own, labels }: Sidecar,
  { port, zone = own }: Member,
): Endpoint {
  return {
    id: `${address}:${meshPort}`,
    address,
    port,
    mesh: { port: meshPort, identity },
    weight: 1,
    workload: name,
    ...(zone !== undefined && { zone }),
    ...(labels !== undefined && { labels }),
  }
}

/** Of a pod with addresses of two families that counts which the Service prefers, and IPv4 where it prefers none. */
function familyOf({ spec }: ServiceResource): 4 | 6 {
  const [first] = Array.isArray(spec.ipFamilies) ? spec.ipFamilies : []
  const isV6 = first === undefined ? isIP(String(spec.clusterIP)) === 6 : first === 'IPv6'
  return isV6 ? 6 : 4
}
