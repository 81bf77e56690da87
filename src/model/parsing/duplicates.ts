import { qualifiedFunction } from '../function/function.ts'
import type { FunctionResource } from '../kinds/function/function.ts'
import type { ServiceEntryResource } from '../kinds/service-entry.ts'
import type { WorkloadResource } from '../kinds/workload.ts'
import { qualify } from '../qualified-name.ts'
import { policyTarget } from './policy-targets.ts'
import type { Report } from './references.ts'
import type { Resource, Sourced } from './validate.ts'

/** Names and targets of which there can be one only: the first document that claims one has it. */
export function checkDuplicates(sources: readonly Sourced[], report: Report): void {
  const seen = new Map<string, Sourced>()
  for (const source of sources)
    for (const { what, path } of claimsOf(source.resource)) {
      const first = seen.get(what)
      if (first === undefined) {
        seen.set(what, source)
        continue
      }
      report(source, path, `${what} is defined already in ${placeOf(first, path)}`)
    }
}

/** `mesh.yaml:12`; an object of a cluster has no lines. */
function placeOf({ document }: Sourced, path: readonly PropertyKey[]): string {
  const { line } = document.locate(path)
  return line === 0 ? document.file : `${document.file}:${line}`
}

interface Claim {
  /** Of which there can be one only. */
  readonly what: string
  readonly path: readonly PropertyKey[]
}

function claimsOf(resource: Resource): Claim[] {
  const { kind, metadata } = resource
  const path = ['metadata', 'name']
  // Of settings for the whole there can be one only, whatever it is called.
  if (kind === 'Mesh') return [{ what: kind, path }]
  // Each has a sidecar, and sidecars are told apart by name.
  if (kind === 'Function')
    return [
      { what: `Workload ${qualify(metadata)}`, path },
      ...calledNames(resource).map(name => ({
        what: `Function ${qualify({ ...metadata, name })}`,
        path,
      })),
    ]
  const own = { what: `${kind} ${qualify(metadata)}`, path }
  if (kind === 'ServiceEntry') return [own, ...hostClaims(resource)]
  if (kind === 'TrafficPolicy')
    return [
      own,
      { what: `the TrafficPolicy for ${policyTarget(resource)}`, path: ['spec', 'targetRef'] },
    ]
  if (kind === 'XBackendTrafficPolicy')
    return [
      own,
      ...resource.spec.targetRefs.map(({ name }, index) => ({
        what: `the XBackendTrafficPolicy for ${qualify({ ...metadata, name })}`,
        path: ['spec', 'targetRefs', index],
      })),
    ]
  return [own]
}

/** Under which a function, its versions and its aliases are called. */
export function calledNames({ metadata, spec }: FunctionResource): string[] {
  const qualifiers = [...spec.versions, ...spec.aliases].map(({ name }) => name)
  return [undefined, ...qualifiers].map(qualifier => qualifiedFunction(metadata.name, qualifier))
}

/** A name leads to one place, whoever asks. */
function hostClaims({ spec }: ServiceEntryResource): Claim[] {
  return spec.hosts.flatMap((host, index) =>
    spec.ports.map(({ number }) => ({
      what: `port ${number} of ${host}`,
      path: ['spec', 'hosts', index],
    })),
  )
}

/** On one machine every port is listened on once. */
export function checkPorts(sources: readonly Sourced[], report: Report): void {
  const taken = new Map<string, string>()
  for (const source of sources) {
    const { resource } = source
    if (resource.kind !== 'Workload' && resource.kind !== 'Function') continue
    const address = resource.kind === 'Workload' ? resource.spec.address : '127.0.0.1'
    const ports = resource.kind === 'Workload' ? portsOf(resource) : sidecarPorts(resource)
    for (const { port, path } of ports) {
      const key = `${address}:${port}`
      const owner = taken.get(key)
      if (owner === undefined) taken.set(key, qualify(source.resource.metadata))
      else report(source, path, `port ${port} of ${address} is used already by Workload ${owner}`)
    }
  }
}

interface PortUse {
  readonly port: number
  readonly path: readonly PropertyKey[]
}

function* portsOf(workload: WorkloadResource): Iterable<PortUse> {
  const { spec } = workload
  for (const [index, { port }] of spec.ports.entries())
    yield { port, path: ['spec', 'ports', index, 'port'] }
  for (const [index, { localPort }] of spec.upstreams.entries())
    yield { port: localPort, path: ['spec', 'upstreams', index, 'localPort'] }
  yield* sidecarPorts(workload)
}

function* sidecarPorts({ spec }: WorkloadResource | FunctionResource): Iterable<PortUse> {
  for (const field of ['adminPort', 'outboundPort', 'inboundPort'] as const) {
    const port = spec.sidecar[field]
    if (port !== undefined) yield { port, path: ['spec', 'sidecar', field] }
  }
}
