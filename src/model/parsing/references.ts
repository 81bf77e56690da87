import type { AuthorizationPolicyResource } from '../kinds/authorization-policy.ts'
import { serviceNameLabel, type EndpointSliceResource } from '../kinds/endpoint-slice.ts'
import { functionDestination } from '../function/function-events.ts'
import type { FunctionResource } from '../kinds/function/function.ts'
import { takesPort } from '../kinds/gateway-route.ts'
import type { GrpcRouteResource } from '../kinds/grpc-route.ts'
import type { HttpRouteResource } from '../kinds/http-route.ts'
import { isBackendKind } from '../kinds/routes/backend-reference.ts'
import type { RequestAuthenticationResource } from '../kinds/request-authentication.ts'
import type { ServiceResource } from '../kinds/service.ts'
import type { BackendTrafficPolicyResource } from '../kinds/traffic/backend-traffic-policy.ts'
import type { ServiceEntryResource } from '../kinds/service-entry.ts'
import type { TrafficPolicyResource } from '../kinds/traffic-policy.ts'
import type { WorkloadResource } from '../kinds/workload.ts'
import type { ConfigurationProblem } from '../problem.ts'
import { calledNames, checkDuplicates, checkPorts } from './duplicates.ts'
import { nearest } from './nearest.ts'
import { checkPlacements } from './placements.ts'
import { checkPolicyTargets } from './policy-targets.ts'
import { checkRouteKinds } from './route-kinds.ts'
import { qualify, type Named } from '../qualified-name.ts'
import { parseServiceReference } from './service-reference.ts'
import type { Suspects } from './suspects.ts'
import type { Resource, Sourced } from './validate.ts'

/** Takes note of a problem at a place of a document. */
export type Report = (source: Sourced, path: readonly PropertyKey[], message: string) => void

/**
 * What no document can tell alone: names given twice, and references that lead nowhere. A reference to what a broken
 * document may define is passed over.
 */
export function checkReferences(
  sources: readonly Sourced[],
  { suspects, isPart }: Pick<Known, 'suspects' | 'isPart'>,
): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const report: Report = ({ document }, path, message) => {
    problems.push(document.problem(path, message))
  }
  const services = new Map<string, ServiceResource>()
  const entries = new Map<string, ServiceEntryResource>()
  const functions = new Set<string>()
  const wholeFunctions = new Set<string>()
  for (const { resource } of sources)
    if (resource.kind === 'Service') services.set(qualify(resource.metadata), resource)
    else if (resource.kind === 'ServiceEntry') entries.set(qualify(resource.metadata), resource)
    else if (resource.kind === 'Function') {
      wholeFunctions.add(qualify(resource.metadata))
      for (const name of calledNames(resource))
        functions.add(qualify({ ...resource.metadata, name }))
    }
  const known = { services, entries, functions, wholeFunctions, suspects, isPart }
  checkDuplicates(sources, report)
  checkPorts(sources, report)
  checkRouteKinds(sources, report)
  checkPlacements(sources, report)
  checkPolicyTargets(sources, report, { suspects, isPart })
  for (const source of sources)
    for (const reference of referencesOf(source.resource)) {
      const message = faultOf(reference, known)
      if (message !== undefined) report(source, reference.path, message)
    }
  return problems
}

/** One document's word for a Service, and perhaps for one of its ports. */
interface Reference {
  readonly path: readonly PropertyKey[]
  /** Absent: what stands there is no name of a Service. */
  readonly wanted:
    | (Named & {
        readonly group?: string | undefined
        readonly kind?: string | undefined
        readonly port?: number | undefined
        readonly sectionName?: string | undefined
        /** No version or alias of a Function will do. */
        readonly isWhole?: boolean
      })
    | undefined
  /** Traffic goes to exactly one port, so that it must be clear which. */
  readonly isBackend?: boolean
}

function referencesOf(resource: Resource): Reference[] {
  switch (resource.kind) {
    case 'HTTPRoute':
    case 'GRPCRoute':
      return routeReferences(resource)
    case 'Workload':
      return upstreamReferences(resource)
    case 'EndpointSlice':
      return sliceReferences(resource)
    case 'XBackendTrafficPolicy':
      return backendPolicyReferences(resource)
    case 'Function':
      return destinationReferences(resource)
    case 'TrafficPolicy':
    case 'AuthorizationPolicy':
    case 'RequestAuthentication':
      return targetReferences(resource)
    default:
      return []
  }
}

function backendPolicyReferences({ metadata, spec }: BackendTrafficPolicyResource): Reference[] {
  return spec.targetRefs.map((reference, index) => ({
    path: ['spec', 'targetRefs', index],
    wanted: { ...reference, namespace: metadata.namespace },
  }))
}

type PolicyResource =
  | TrafficPolicyResource
  | AuthorizationPolicyResource
  | RequestAuthenticationResource

/** Without a target it is for a whole namespace. */
function targetReferences({ metadata, spec: { targetRef } }: PolicyResource): Reference[] {
  // Of routes `checkPolicyTargets` knows.
  if (targetRef === undefined || targetRef.kind.endsWith('Route')) return []
  // Hosts run all versions.
  const wanted = { ...targetRef, namespace: metadata.namespace, isWhole: true }
  return [{ path: ['spec', 'targetRef'], wanted }]
}

function routeReferences({ metadata, spec }: HttpRouteResource | GrpcRouteResource): Reference[] {
  const inNamespace = <R extends { readonly namespace?: string | undefined }>(reference: R) => ({
    ...reference,
    namespace: reference.namespace ?? metadata.namespace,
  })
  const parents = spec.parentRefs.map((reference, index) => ({
    path: ['spec', 'parentRefs', index],
    wanted: inNamespace(reference),
  }))
  const backends = spec.rules.flatMap(({ backendRefs }, rule) =>
    backendRefs.map((reference, index) => ({
      path: ['spec', 'rules', rule, 'backendRefs', index],
      wanted: inNamespace(reference),
      isBackend: true,
    })),
  )
  return [...parents, ...backends, ...mirrorReferences(spec.rules, inNamespace)]
}

type Rule = (HttpRouteResource | GrpcRouteResource)['spec']['rules'][number]

/** Where copies go, for all requests of a rule or for those to one backend. */
function mirrorReferences(
  rules: readonly Rule[],
  inNamespace: (reference: MirrorTarget) => NonNullable<Reference['wanted']>,
): Reference[] {
  return rules.flatMap(({ filters, backendRefs }, rule) =>
    [
      { filters, path: ['filters'] },
      ...backendRefs.map((backend, index) => ({
        filters: backend.filters,
        path: ['backendRefs', index, 'filters'],
      })),
    ].flatMap(list =>
      list.filters.flatMap(({ requestMirror }, index) => {
        if (requestMirror === undefined) return []
        const path = ['spec', 'rules', rule, ...list.path, index, 'requestMirror', 'backendRef']
        return [{ path, wanted: inNamespace(requestMirror.backendRef), isBackend: true }]
      }),
    ),
  )
}

type MirrorTarget = NonNullable<Rule['filters'][number]['requestMirror']>['backendRef']

function upstreamReferences({ metadata, spec }: WorkloadResource): Reference[] {
  return spec.upstreams.map(({ service }, index) => ({
    path: ['spec', 'upstreams', index, 'service'],
    wanted: parseServiceReference(service, metadata.namespace),
  }))
}

/** Functions that are told of events. */
function destinationReferences({ metadata, spec }: FunctionResource): Reference[] {
  const { onFailure, onSuccess } = spec.asynchronous
  return Object.entries({ onFailure, onSuccess }).flatMap(([field, destination]) => {
    const name = destination?.startsWith(functionDestination)
      ? destination.slice(functionDestination.length)
      : undefined
    if (name === undefined) return []
    const wanted = { kind: 'Function', name, namespace: metadata.namespace } as const
    return [{ path: ['spec', 'asynchronous', field], wanted }]
  })
}

function sliceReferences({ metadata }: EndpointSliceResource): Reference[] {
  const name = metadata.labels[serviceNameLabel]
  if (name === undefined) return []
  const wanted = { name, namespace: metadata.namespace }
  return [{ path: ['metadata', 'labels', serviceNameLabel], wanted }]
}

type Services = ReadonlyMap<string, ServiceResource>

interface Known {
  readonly services: Services
  readonly entries: ReadonlyMap<string, ServiceEntryResource>
  /** With their versions and aliases. */
  readonly functions: ReadonlySet<string>
  readonly wholeFunctions: ReadonlySet<string>
  readonly suspects: Suspects
  /** Others, which are not seen here, may define what is missing. */
  readonly isPart: boolean
}

function faultOf({ wanted, isBackend = false }: Reference, known: Known): string | undefined {
  if (wanted === undefined) return 'must be service[.namespace][:port]'
  const { group = '', kind = 'Service' } = wanted
  if (isBackend && !isBackendKind({ group, kind }))
    return `must lead to a Service, or a Function of weft.dev; ${JSON.stringify(kind)} of the group ${JSON.stringify(group)} is neither`
  const otherFault = otherFaults.get(kind)
  if (otherFault !== undefined) return otherFault(wanted, known)
  const key = qualify(wanted)
  const service = known.services.get(key)
  if (service !== undefined)
    return portFault(service, wanted.port, isBackend) ?? sectionFault(service, wanted)
  if (mayBeElsewhere(wanted, known)) return undefined
  const near = nearestService(wanted, known.services)
  return `there is no Service ${key}${near === undefined ? '' : `; did you mean ${near}?`}`
}

type Wanted = NonNullable<Reference['wanted']>

/** By the kind that is referred to. */
const otherFaults: ReadonlyMap<string, (wanted: Wanted, known: Known) => string | undefined> =
  new Map([
    ['Function', functionFault],
    ['ServiceEntry', entryFault],
  ])

/** In a broken document, or in another source. */
function mayBeElsewhere({ name }: Named, { suspects, isPart }: Known): boolean {
  return isPart || suspects.mayDefine(name)
}

function entryFault(wanted: Wanted, known: Known): string | undefined {
  const key = qualify(wanted)
  const entry = known.entries.get(key)
  if (entry !== undefined) {
    const numbers = entry.spec.ports.map(({ number }) => number)
    if (wanted.port === undefined || numbers.includes(wanted.port)) return undefined
    return `ServiceEntry ${key} has no port ${wanted.port}; it has ${numbers.join(', ')}`
  }
  if (mayBeElsewhere(wanted, known)) return undefined
  const near = nearest(key, [...known.entries.keys()])
  return `there is no ServiceEntry ${key}${near === undefined ? '' : `; did you mean ${near}?`}`
}

function functionFault(wanted: Wanted, known: Known): string | undefined {
  const key = qualify(wanted)
  const functions = wanted.isWhole === true ? known.wholeFunctions : known.functions
  if (functions.has(key) || mayBeElsewhere(wanted, known)) return undefined
  const near = nearest(key, [...functions])
  return `there is no Function ${key}${near === undefined ? '' : `; did you mean ${near}?`}`
}

function portFault(
  { metadata, spec }: ServiceResource,
  wanted: number | undefined,
  isBackend: boolean,
): string | undefined {
  const ports = spec.ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port)
  const list = ports.length === 0 ? 'none for TCP' : ports.join(', ')
  if (wanted !== undefined && !ports.includes(wanted))
    return `Service ${qualify(metadata)} has no port ${wanted}; it has ${list}`
  if (isBackend && wanted === undefined && ports.length !== 1)
    return `give one of the ports of Service ${qualify(metadata)}; it has ${list}`
  return undefined
}

/** Of a route's parent. */
function sectionFault(
  { metadata, spec }: ServiceResource,
  {
    port,
    sectionName,
  }: { readonly port?: number | undefined; readonly sectionName?: string | undefined },
): string | undefined {
  if (sectionName === undefined) return undefined
  const tcp = spec.ports.filter(({ protocol }) => protocol === 'TCP')
  if (tcp.some(candidate => takesPort({ port, sectionName }, candidate))) return undefined
  const names = tcp.flatMap(({ name }) => name ?? [])
  return `Service ${qualify(metadata)} has no port called ${JSON.stringify(sectionName)}${port === undefined ? '' : ` of the number ${port}`}; it has ${names.join(', ') || 'none with a name'}`
}

/** One whose name differs by a slip, else one of the same name in another namespace. */
function nearestService({ name, namespace }: Named, services: Services): string | undefined {
  const all = [...services.values()].map(({ metadata }) => metadata)
  const neighbours = all.filter(service => service.namespace === namespace)
  const near = nearest(
    name,
    neighbours.map(service => service.name),
  )
  if (near !== undefined) return qualify({ name: near, namespace })
  const namesake = all.find(service => service.name === name)
  return namesake && qualify(namesake)
}
