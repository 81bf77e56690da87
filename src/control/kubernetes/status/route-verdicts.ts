import type { Configuration } from '../../../model/configuration.ts'
import { takesPort } from '../../../model/kinds/gateway-route.ts'
import type { Filter } from '../../../model/kinds/routes/filter.ts'
import { qualify } from '../../../model/qualified-name.ts'
import {
  BackendIndex,
  meshPorts,
  type BackendFault,
  type BackendReference,
} from '../../compilation/matching/backend-index.ts'
import type { RouteResource } from '../../compilation/route-compiler.ts'
import type { Verdict } from './condition.ts'
import type { ParentVerdict } from './parent-statuses.ts'
import type { ParentReference, StatusTarget } from './status-target.ts'

/** What was made of all routes, to say it of each. */
export class RouteVerdicts {
  readonly #routes: ReadonlyMap<string, RouteResource>
  readonly #backends: BackendIndex
  /** Names of GRPCRoutes, by the port and the namespace where they hold. */
  readonly #grpc = new Map<string, string>()

  constructor(configuration: Configuration) {
    const { httpRoutes, grpcRoutes } = configuration
    this.#backends = new BackendIndex(configuration)
    this.#routes = new Map([...httpRoutes, ...grpcRoutes].map(route => [titleOf(route), route]))
    for (const route of grpcRoutes)
      for (const parent of route.spec.parentRefs) {
        const { namespace, name } = route.metadata
        for (const port of this.#portsOf({ namespace, ...defined(parent) }).ports)
          this.#grpc.set(`${port} ${namespace}`, name)
      }
  }

  /** @param faults why it was left out; none: it holds. */
  of({ title, parentRefs = [] }: StatusTarget, faults: readonly string[]): ParentVerdict[] {
    const route = this.#routes.get(title)
    return parentRefs.map(parentRef => ({
      parentRef,
      verdicts: route === undefined ? refused(faults) : this.#verdicts(route, parentRef),
    }))
  }

  /** Of one that is in use, for each of its parents. */
  ofRoute(route: RouteResource): ParentVerdict[] {
    return route.spec.parentRefs.map(parent => {
      const parentRef = defined(parent)
      return { parentRef, verdicts: this.#verdicts(route, parentRef) }
    })
  }

  #verdicts(route: RouteResource, parentRef: ParentReference): Verdict[] {
    return [this.#accepted(route, parentRef), this.#resolved(route)]
  }

  /**
   * GEP-1294: a Service has to be there, with the port that is named, and each of its ports has one kind of routes
   * among those of one namespace.
   */
  #accepted(route: RouteResource, parentRef: ParentReference): Verdict {
    const { namespace } = route.metadata
    const parent = { namespace, ...parentRef }
    const { ports, fault } = this.#portsOf(parent)
    if (fault !== undefined) return notAccepted('NoMatchingParent', fault)
    const rivals = ports.map(port => this.#grpc.get(`${port} ${namespace}`))
    const rival = route.kind === 'HTTPRoute' ? rivals.find(name => name !== undefined) : undefined
    if (rival !== undefined && rivals.every(name => name !== undefined))
      return notAccepted(
        'Conflicted',
        `GRPCRoute ${rival} is for the same port, which has one kind of routes`,
      )
    const isProducer = parent.namespace === namespace
    const callers = isProducer ? 'all callers' : `callers in the namespace ${namespace}`
    const except =
      rival === undefined ? '' : `, except on ports for which there is GRPCRoute ${rival}`
    return {
      type: 'Accepted',
      status: 'True',
      reason: 'Accepted',
      message: `holds for ${callers}${except}`,
    }
  }

  /** Names of the ports that are meant, as `orders.default:80`. */
  #portsOf(parent: ParentReference): { readonly ports: string[]; readonly fault?: string } {
    const { name, namespace = '', port, sectionName } = parent
    const key = qualify({ name, namespace })
    const service = this.#backends.service({ name, namespace })
    if (service === undefined) return { ports: [], fault: `there is no Service ${key}` }
    const ports = meshPorts(service)
      .filter(candidate => takesPort({ port, sectionName }, candidate))
      .map(candidate => `${key}:${candidate.port}`)
    if (ports.length > 0) return { ports }
    if (service.spec.type === 'ExternalName')
      return { ports, fault: `Service ${key} is an ExternalName, which leads out of the mesh` }
    const which = [port, sectionName].filter(part => part !== undefined).join(' ')
    return { ports, fault: `Service ${key} has no TCP port${which === '' ? '' : ` ${which}`}` }
  }

  #resolved({ metadata, spec }: RouteResource): Verdict {
    const faultsOf = (references: readonly Reference[]): BackendFault[] =>
      references.flatMap(reference => {
        const namespace = reference.namespace ?? metadata.namespace
        const resolution = this.#backends.resolve({ ...reference, namespace })
        return 'cluster' in resolution ? [] : [resolution]
      })
    const lost = faultsOf(spec.rules.flatMap((rule): readonly Reference[] => rule.backendRefs))
    const uncopied = faultsOf(spec.rules.flatMap(mirrorTargets))
    const [first] = [...lost, ...uncopied]
    if (first === undefined)
      return {
        type: 'ResolvedRefs',
        status: 'True',
        reason: 'ResolvedRefs',
        message: 'all backends are there',
      }
    return {
      type: 'ResolvedRefs',
      status: 'False',
      reason: first.reason,
      message: [
        ...consequence(lost, 'that share of the requests is answered with 500'),
        ...consequence(uncopied, 'that mirror gets no copies'),
      ].join('; '),
    }
  }
}

type Rule = RouteResource['spec']['rules'][number]
type Reference = Omit<BackendReference, 'namespace'> & { readonly namespace?: string | undefined }

/** A filter, as far as this is about it. */
type Mirroring = Pick<Filter, 'requestMirror'>

function mirrorTargets({ filters, backendRefs }: Rule): Reference[] {
  const lists: readonly (readonly Mirroring[])[] = [
    filters,
    ...backendRefs.map(backend => backend.filters),
  ]
  return lists.flat().flatMap(({ requestMirror }) => requestMirror?.backendRef ?? [])
}

/** What is wrong, and what comes of it. */
function consequence(faults: readonly BackendFault[], effect: string): string[] {
  const messages = [...new Set(faults.map(({ message }) => message))]
  return messages.length === 0 ? [] : [`${messages.join('; ')}: ${effect}`]
}

function refused(faults: readonly string[]): Verdict[] {
  return [
    notAccepted('UnsupportedValue', faults.join('; ') || 'is left out'),
    {
      type: 'ResolvedRefs',
      status: 'Unknown',
      reason: 'Pending',
      message: 'not looked at while the route is not accepted',
    },
  ]
}

function notAccepted(reason: string, message: string): Verdict {
  return { type: 'Accepted', status: 'False', reason, message }
}

function titleOf({ kind, metadata }: RouteResource): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`
}

/** Without the fields that are there and undefined. */
function defined(parent: RouteResource['spec']['parentRefs'][number]): ParentReference {
  const { name, namespace, port, sectionName } = parent
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(port !== undefined && { port }),
    ...(sectionName !== undefined && { sectionName }),
  }
}
