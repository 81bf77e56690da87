import { isIP } from 'node:net'
import type { LoadResult } from '../../model/configuration.ts'
import { serviceNameLabel, type EndpointSliceResource } from '../../model/kinds/endpoint-slice.ts'
import { meshDefaults } from '../../model/kinds/mesh.ts'
import type { ServiceResource } from '../../model/kinds/service.ts'
import type { ConfigurationProblem } from '../../model/problem.ts'
import { serviceLabel, type ContainerWord, type LabelledPort } from './container-labels.ts'
import type { MeshContainer } from './mesh-container.ts'

/** As much as a person reads. */
const maxLeftOut = 1000

interface Told extends MeshContainer {
  readonly word: ContainerWord
}

/**
 * The Services that containers tell of. Where two contradict, the older one's word holds, so that whoever comes later
 * can't change what is there; one that has ended counts less than any that has not.
 */
export function containerServices(containers: readonly MeshContainer[]): LoadResult {
  const sorted = containers.toSorted(byWeight)
  const leftOut = sorted.flatMap(container =>
    container.problems.map(({ label, message }) => problem(container, label, message)),
  )
  const services: ServiceResource[] = []
  const endpointSlices: EndpointSliceResource[] = []
  const told = sorted.filter((container): container is Told => container.word !== undefined)
  const byService = Map.groupBy(told, ({ word }) => `${word.namespace}/${word.service}`)
  for (const [, group] of [...byService].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    const [holder] = group
    if (holder === undefined) continue
    if (holder.word.ports.length > 0) services.push(serviceOf(holder.word))
    for (const container of group) {
      const fault = contradiction(container, holder)
      if (fault !== undefined) leftOut.push(fault)
      else if (container.word.plain && container.running) addPlain(container)
    }
  }
  function addPlain(container: Told): void {
    const slice = sliceOf(container)
    if (slice !== undefined) endpointSlices.push(slice)
    else leftOut.push(problem(container, 'weft.plain', unreachable))
  }
  const configuration = {
    mesh: meshDefaults,
    services,
    endpointSlices,
    httpRoutes: [],
    grpcRoutes: [],
    workloads: [],
    trafficPolicies: [],
    backendTrafficPolicies: [],
    authorizationPolicies: [],
    requestAuthentications: [],
    serviceEntries: [],
    functions: [],
    membership: 'registrations',
  } as const
  return { configuration, problems: [], leftOut: leftOut.slice(0, maxLeftOut) }
}

const unreachable =
  'it has no address in a network of the control plane: connect both to one, or say which one counts'

function byWeight(one: MeshContainer, other: MeshContainer): number {
  if (one.alive !== other.alive) return one.alive ? -1 : 1
  if (one.created !== other.created) return one.created - other.created
  return one.id < other.id ? -1 : 1
}

function contradiction(container: Told, holder: Told): ConfigurationProblem | undefined {
  const [own, held] = [textOf(container.word.ports), textOf(holder.word.ports)]
  if (own === held) return undefined
  const { service, namespace } = container.word
  const message = `${own} is not what Service ${namespace}/${service} has: ${held}, by the label of ${holder.name}, which is older`
  return problem(container, 'weft.port', message)
}

/** As labels have it: `80:8080 http, 9090`. */
function textOf(ports: readonly LabelledPort[]): string {
  if (ports.length === 0) return 'none'
  return ports
    .map(({ port, target, protocol }) => {
      const numbers = port === target ? `${port}` : `${port}:${target}`
      return protocol === undefined ? numbers : `${numbers} ${protocol}`
    })
    .join(', ')
}

function problem({ name }: MeshContainer, label: string, message: string): ConfigurationProblem {
  return { file: `container ${name}`, line: 1, column: 1, path: label, message }
}

function serviceOf({ service, namespace, ports }: ContainerWord): ServiceResource {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, namespace, labels: {} },
    spec: {
      selector: { [serviceLabel]: service },
      ports: ports.map(({ port, target, protocol }) => ({
        ...nameOf(port, ports),
        protocol: 'TCP',
        port,
        targetPort: target,
        ...(protocol !== undefined && { appProtocol: protocol }),
      })),
    },
  }
}

/** One for each container, whose name its endpoints bear. */
function sliceOf({ shortId, place, unhealthy, word }: Told): EndpointSliceResource | undefined {
  if (place === undefined) return undefined
  const { service, namespace, ports } = word
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${shortId}`,
      namespace,
      labels: { [serviceNameLabel]: service },
    },
    addressType: isIP(place.address) === 6 ? 'IPv6' : 'IPv4',
    endpoints: [{ addresses: [place.address], conditions: { ready: !unhealthy } }],
    ports: ports.map(({ port, target }) => ({ ...nameOf(port, ports), port: target })),
  }
}

/** By names Service and slice find each other's ports; a single one needs none. */
function nameOf(port: number, { length }: readonly LabelledPort[]): { name?: string } {
  return length === 1 ? {} : { name: `p${port}` }
}
