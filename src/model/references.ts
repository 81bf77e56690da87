import type { HttpRouteResource } from './kinds/http-route.ts'
import type { ServiceResource } from './kinds/service.ts'
import type { WorkloadResource } from './kinds/workload.ts'
import { nearest } from './nearest.ts'
import type { ConfigurationProblem } from './problem.ts'
import { parseServiceReference } from './service-reference.ts'
import type { Sourced } from './validate.ts'

type Report = (source: Sourced, path: readonly PropertyKey[], message: string) => void

/** What no document can tell alone: names given twice, and references that lead nowhere. */
export function checkReferences(sources: readonly Sourced[]): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const report: Report = ({ document }, path, message) => {
    problems.push(document.problem(path, message))
  }
  const services = new Map<string, ServiceResource>()
  for (const { resource } of sources)
    if (resource.kind === 'Service') services.set(keyOf(resource.metadata), resource)
  checkDuplicates(sources, report)
  checkPorts(sources, report)
  for (const source of sources) checkTargets(source, services, report)
  return problems
}

interface Named {
  readonly name: string
  readonly namespace: string
}

function keyOf({ namespace, name }: Named): string {
  return `${name}.${namespace}`
}

function checkDuplicates(sources: readonly Sourced[], report: Report): void {
  const seen = new Map<string, Sourced>()
  for (const source of sources) {
    const { kind, metadata } = source.resource
    // Of settings for the whole there can be one only, whatever it is called.
    const key = kind === 'Mesh' ? kind : `${kind} ${keyOf(metadata)}`
    const first = seen.get(key)
    if (first === undefined) {
      seen.set(key, source)
      continue
    }
    const where = first.document.locate(['metadata', 'name'])
    report(
      source,
      ['metadata', 'name'],
      `${key} is defined already in ${first.document.file}:${where.line}`,
    )
  }
}

/** On one machine every port is listened on once. */
function checkPorts(sources: readonly Sourced[], report: Report): void {
  const taken = new Map<string, string>()
  for (const source of sources) {
    if (source.resource.kind !== 'Workload') continue
    for (const { port, path } of portsOf(source.resource)) {
      const { address } = source.resource.spec
      const key = `${address}:${port}`
      const owner = taken.get(key)
      if (owner === undefined) taken.set(key, source.resource.metadata.name)
      else report(source, path, `port ${port} of ${address} is used already by Workload ${owner}`)
    }
  }
}

function* portsOf({ spec }: WorkloadResource): Iterable<{ port: number; path: PropertyKey[] }> {
  for (const [index, { port }] of spec.ports.entries())
    yield { port, path: ['spec', 'ports', index, 'port'] }
  for (const [index, { localPort }] of spec.upstreams.entries())
    yield { port: localPort, path: ['spec', 'upstreams', index, 'localPort'] }
  for (const field of ['adminPort', 'outboundPort', 'inboundPort'] as const) {
    const port = spec.sidecar[field]
    if (port !== undefined) yield { port, path: ['spec', 'sidecar', field] }
  }
}

type Services = ReadonlyMap<string, ServiceResource>

function checkTargets(source: Sourced, services: Services, report: Report): void {
  const { resource } = source
  if (resource.kind === 'HTTPRoute') checkRoute(source, resource, { services, report })
  else if (resource.kind === 'TrafficPolicy') {
    const { targetRef } = resource.spec
    const wanted = { ...targetRef, namespace: resource.metadata.namespace }
    checkService(source, ['spec', 'targetRef'], { wanted, services, report })
  } else if (resource.kind === 'Workload') {
    for (const [index, { service }] of resource.spec.upstreams.entries()) {
      const wanted = parseServiceReference(service, resource.metadata.namespace)
      const path = ['spec', 'upstreams', index, 'service']
      if (wanted === undefined)
        report(source, path, `${JSON.stringify(service)} is not service[.namespace][:port]`)
      else checkService(source, path, { wanted, services, report })
    }
  }
}

function checkRoute(
  source: Sourced,
  { metadata, spec }: HttpRouteResource,
  { services, report }: { services: Services; report: Report },
): void {
  const inNamespace = <R extends { readonly namespace?: string | undefined }>(reference: R) => ({
    ...reference,
    namespace: reference.namespace ?? metadata.namespace,
  })
  for (const [index, reference] of spec.parentRefs.entries()) {
    const wanted = inNamespace(reference)
    checkService(source, ['spec', 'parentRefs', index], { wanted, services, report })
  }
  for (const [rule, { backendRefs }] of spec.rules.entries())
    for (const [index, reference] of backendRefs.entries()) {
      const wanted = inNamespace(reference)
      const path = ['spec', 'rules', rule, 'backendRefs', index]
      checkService(source, path, { wanted, services, report })
    }
}

interface ServiceCheck {
  readonly wanted: Named & { readonly port?: number | undefined }
  readonly services: Services
  readonly report: Report
}

function checkService(
  source: Sourced,
  path: readonly PropertyKey[],
  { wanted, services, report }: ServiceCheck,
): void {
  const key = keyOf(wanted)
  const service = services.get(key)
  if (service === undefined) {
    const near = nearest(key, [...services.keys()])
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    return report(source, path, `there is no Service ${key}${hint}`)
  }
  const ports = service.spec.ports.map(({ port }) => port)
  if (wanted.port !== undefined && !ports.includes(wanted.port))
    report(source, path, `Service ${key} has no port ${wanted.port}; it has ${ports.join(', ')}`)
}
