import type { Configuration } from '../../../model/configuration.ts'
import { qualifiedFunction } from '../../../model/function/function.ts'
import type { FunctionResource } from '../../../model/kinds/function/function.ts'
import { isBackendKind } from '../../../model/kinds/routes/backend-reference.ts'
import type { ServicePort, ServiceResource } from '../../../model/kinds/service.ts'
import { qualify, type Named } from '../../../model/qualified-name.ts'
import { functionPort, functionQualifiers, functionServiceName } from '../function-compiler.ts'

/** Where a route's share of traffic is to go. */
export interface BackendReference {
  readonly group?: string | undefined
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly port?: number | undefined
}

/** Why a reference leads nowhere; the reason is Gateway API's (RouteConditionReason of ResolvedRefs). */
export interface BackendFault {
  readonly reason: 'InvalidKind' | 'BackendNotFound'
  readonly message: string
}

type Resolution = { readonly cluster: string } | BackendFault

/** What routes can lead to. */
export class BackendIndex {
  readonly #services: ReadonlyMap<string, ServiceResource>
  readonly #functions: ReadonlySet<string>

  constructor({ services, functions }: Pick<Configuration, 'services' | 'functions'>) {
    this.#services = new Map(services.map(service => [qualify(service.metadata), service]))
    this.#functions = new Set(functions.flatMap(calledNames))
  }

  service(named: Named): ServiceResource | undefined {
    return this.#services.get(qualify(named))
  }

  resolve(backend: BackendReference): Resolution {
    const { group, kind, name, namespace, port } = backend
    if (!isBackendKind({ group, kind })) {
      const of = group ? ` of ${group}` : ''
      return { reason: 'InvalidKind', message: `${kind}${of} is no kind that traffic can go to` }
    }
    const key = qualify(backend)
    if (kind === 'Function') {
      const called = functionServiceName({ name, namespace })
      return this.#functions.has(called)
        ? { cluster: `${called}:${functionPort}` }
        : notFound(`there is no Function ${key}`)
    }
    const service = this.#services.get(key)
    if (service === undefined) return notFound(`there is no Service ${key}`)
    if (service.spec.type === 'ExternalName')
      return notFound(`Service ${key} is an ExternalName, which leads out of the mesh`)
    return resolvePort(key, meshPorts(service), port)
  }
}

function resolvePort(
  service: string,
  ports: readonly ServicePort[],
  wanted: number | undefined,
): Resolution {
  const candidates = ports.filter(({ port }) => wanted === undefined || port === wanted)
  const [only] = candidates
  if (only !== undefined && candidates.length === 1) return { cluster: `${service}:${only.port}` }
  const list = ports.map(({ port }) => port).join(', ') || 'none for TCP'
  return notFound(
    only === undefined && wanted !== undefined
      ? `Service ${service} has no port ${wanted}; it has ${list}`
      : `give one of the ports of Service ${service}; it has ${list}`,
  )
}

function notFound(message: string): BackendFault {
  return { reason: 'BackendNotFound', message }
}

/**
 * HTTP travels over TCP: a port for DNS is no business of ours. An ExternalName is a CNAME of the cluster's DNS: where
 * it leads is not in the mesh, and GEP-1294 wants none as parent or backend.
 */
export function meshPorts({ spec }: ServiceResource): ServicePort[] {
  if (spec.type === 'ExternalName') return []
  return spec.ports.filter(({ protocol }) => protocol === 'TCP')
}

/** A function, its versions and its aliases. */
function calledNames(resource: FunctionResource): string[] {
  const { name, namespace } = resource.metadata
  return functionQualifiers(resource).map(qualifier =>
    functionServiceName({ name: qualifiedFunction(name, qualifier), namespace }),
  )
}
