import type { Configuration } from '../../../model/configuration.ts'
import { selects, type ServicePort, type ServiceResource } from '../../../model/kinds/service.ts'
import type { WorkloadResource } from '../../../model/kinds/workload.ts'
import { isLabelled, type Labels } from '../../../model/labels.ts'
import { qualify } from '../../../model/qualified-name.ts'
import { slicePort, slicesByService, slicesOf } from '../endpoints/slice-endpoints.ts'
import { meshPorts } from '../matching/backend-index.ts'

/** A workload with a sidecar, as far as policies tell it from others. */
export interface PolicyWorkload {
  readonly namespace: string
  readonly name?: string | undefined
  /** Default: none. */
  readonly labels?: Labels | undefined
  /** The function that it hosts. */
  readonly function?: string | undefined
}

/** Where a policy holds: on all ports of the application, or on these. */
export type PolicyScope = 'all' | readonly number[]

/** What a policy says of the workloads that it is for. */
export interface ScopedPolicy {
  readonly metadata: { readonly namespace: string }
  readonly spec: {
    readonly targetRef?:
      | { readonly kind: string; readonly name: string; readonly port?: number | undefined }
      | undefined
    readonly selector?: { readonly matchLabels: Labels } | undefined
  }
}

/** Finds out which policies are for a workload. */
export class PolicyScopes {
  readonly #services: ReadonlyMap<string, ServiceResource>
  readonly #workloads: ReadonlyMap<string, WorkloadResource>
  readonly #slices: ReturnType<typeof slicesByService>
  readonly #pods: Configuration['injectedPods']
  /** Labels of Functions. */
  readonly #functions: ReadonlyMap<string, Labels>

  constructor({ services, workloads, endpointSlices, injectedPods, functions }: Configuration) {
    this.#pods = injectedPods
    this.#services = new Map(services.map(service => [qualify(service.metadata), service]))
    this.#workloads = new Map(workloads.map(workload => [qualify(workload.metadata), workload]))
    this.#slices = slicesByService(endpointSlices)
    this.#functions = new Map(functions.map(({ metadata }) => [qualify(metadata), metadata.labels]))
  }

  /** Undefined: it is for others. */
  of({ metadata, spec }: ScopedPolicy, workload: PolicyWorkload): PolicyScope | undefined {
    const { namespace } = metadata
    if (namespace !== workload.namespace) return undefined
    const { targetRef, selector } = spec
    if (selector !== undefined)
      return isLabelled(this.#labelsOf(workload), selector.matchLabels) ? 'all' : undefined
    if (targetRef === undefined) return 'all'
    if (targetRef.kind === 'Function')
      return targetRef.name === workload.function ? 'all' : undefined
    const service = this.#services.get(qualify({ name: targetRef.name, namespace }))
    const ports = targetRef.port === undefined ? undefined : [targetRef.port]
    return service && this.ofService(service, ports, workload)
  }

  /** Not each driver gives hosts the labels of their Function. */
  #labelsOf({ namespace, labels, function: name }: PolicyWorkload): Labels {
    const ofFunction =
      name === undefined ? undefined : this.#functions.get(qualify({ name, namespace }))
    return { ...ofFunction, ...labels }
  }

  /** Ports of the application behind these ports of a Service, or behind all. */
  ofService(
    service: ServiceResource,
    numbers: readonly number[] | undefined,
    workload: PolicyWorkload,
  ): PolicyScope | undefined {
    const ports = meshPorts(service).filter(({ port }) => numbers?.includes(port) ?? true)
    if (!selects(service, { namespace: workload.namespace, labels: workload.labels ?? {} }))
      return this.#inSlices(service, ports, workload)
    const targets = ports.map(candidate => this.#targetPorts(service, candidate, workload))
    // Of a name that nobody knows it must not be assumed that it is another port's.
    if (targets.includes(undefined)) return 'all'
    return scopeOf(targets.flatMap(list => list ?? []))
  }

  /** A Service without a selector has its pods, and their ports, from slices alone. */
  #inSlices(
    service: ServiceResource,
    ports: readonly ServicePort[],
    { name = '', namespace }: PolicyWorkload,
  ): PolicyScope | undefined {
    if (Object.keys(service.spec.selector ?? {}).length > 0) return undefined
    if (service.metadata.namespace !== namespace) return undefined
    const address = this.#pods?.get(`${namespace}/${name}`)?.address ?? ''
    const slices = slicesOf(service, this.#slices).filter(({ endpoints }) =>
      endpoints.some(({ targetRef, addresses }) =>
        targetRef === undefined ? addresses.includes(address) : targetRef.name === name,
      ),
    )
    return scopeOf(slices.flatMap(slice => ports.flatMap(port => slicePort(slice, port) ?? [])))
  }

  /** Undefined: it has a name, and nothing says which port that is. */
  #targetPorts(
    service: ServiceResource,
    port: ServicePort,
    { name = '', namespace }: PolicyWorkload,
  ): readonly number[] | undefined {
    const { targetPort = port.port } = port
    if (typeof targetPort === 'number') return [targetPort]
    const declared = this.#workloads
      .get(qualify({ name, namespace }))
      ?.spec.ports.find(candidate => candidate.name === targetPort)
    if (declared !== undefined) return [declared.port]
    const inSlices = slicesOf(service, this.#slices).flatMap(slice => slicePort(slice, port) ?? [])
    return inSlices.length === 0 ? undefined : inSlices
  }
}

function scopeOf(ports: readonly number[]): PolicyScope | undefined {
  return ports.length === 0 ? undefined : [...new Set(ports)].toSorted((a, b) => a - b)
}
