// Which services of a compose file get a sidecar, and how.
import type { ComposeFile, ComposeService } from '../file/compose-file.ts'
import { servicePorts, type ServicePorts } from './container-ports.ts'
import type { InjectOptions, ServiceMode } from './inject-options.ts'
import { isResolver, obstacleOf } from './obstacles.ts'
import { labelsOf, networkNames } from './service-fields.ts'

/** A service that gets a sidecar. */
export interface Injected extends ServicePorts {
  readonly service: ComposeService
  readonly labels: Readonly<Record<string, string>>
  readonly mode: ServiceMode
  /** The sidecar has its name; this is what the application is called from now on. */
  readonly application: string
  /** Of the container that captures traffic, in transparent mode. */
  readonly init: string
}

interface Skipped {
  readonly service: ComposeService
  readonly reason: string
}

export interface Plan {
  readonly injected: ReadonlyMap<string, Injected>
  readonly skipped: readonly Skipped[]
  /** In which all sidecars and the control plane meet. */
  readonly network: string
  /** They had none in common, and it is added. */
  readonly isNetworkNew: boolean
}

const commonNetwork = 'weft-mesh'

type Candidate = Omit<Injected, 'mode'>

export function makePlan(file: ComposeFile, options: InjectOptions): Plan {
  const reasons = new Map<ComposeService, string>()
  const candidates: Candidate[] = []
  for (const service of file.services) {
    const labels = labelsOf(service.value['labels'])
    const ports = servicePorts(service.value, labels)
    const reason = obstacleOf(file, options, { service, labels, ports })
    if (reason !== undefined || ports === undefined) reasons.set(service, reason ?? '')
    else candidates.push({ ...ports, service, labels, ...namesFor(service.name) })
  }
  const kept = withoutLenders(file, candidates, reasons)
  const injected = kept.map(candidate => ({
    ...candidate,
    mode: modeOf(candidate, kept, options.mode),
  }))
  return {
    injected: new Map(injected.map(service => [service.service.name, service])),
    skipped: [...reasons].map(([service, reason]) => ({ service, reason })),
    ...networkOf(injected),
  }
}

function namesFor(name: string): Pick<Injected, 'application' | 'init'> {
  return { application: `${name}-app`, init: `${name}-init` }
}

/**
 * What a service has under an anchor, another that is not injected may have too by its alias: both would change. A
 * lender stays as it is, and with it whoever lends to it.
 */
function withoutLenders(
  file: ComposeFile,
  candidates: readonly Candidate[],
  reasons: Map<ComposeService, string>,
): readonly Candidate[] {
  for (const outsider of reasons.keys()) {
    const { used } = file.anchorsIn(outsider)
    const lender = candidates.find(({ service }) =>
      [...file.anchorsIn(service).defined].some(anchor => used.has(anchor)),
    )
    if (lender === undefined) continue
    reasons.set(
      lender.service,
      `${outsider.name}, which is not injected, takes lines of it by an alias: move them to an "x-" key`,
    )
    const others = candidates.filter(candidate => candidate !== lender)
    return withoutLenders(file, others, reasons)
  }
  return candidates
}

/** Its own ports can't be listened on for others that have the same: such a service needs its traffic captured. */
function modeOf(
  { service, ports }: Candidate,
  all: readonly Candidate[],
  asked: InjectOptions['mode'],
): ServiceMode {
  if (asked !== 'auto') return asked
  if (isResolver(service.value, ports)) return 'transparent'
  const own = new Set(ports.map(({ target }) => target.number))
  const others = all.filter(other => other.service !== service).flatMap(other => other.ports)
  return others.some(({ port }) => port.number !== undefined && own.has(port.number))
    ? 'transparent'
    : 'dns'
}

function networkOf(injected: readonly Injected[]): Pick<Plan, 'network' | 'isNetworkNew'> {
  const [first = ['default'], ...rest] = injected.map(({ service }) => networkNames(service.value))
  const shared = first.filter(name => rest.every(names => names.includes(name)))
  const network = shared.includes('default') ? 'default' : shared[0]
  return { network: network ?? commonNetwork, isNetworkNew: network === undefined }
}
