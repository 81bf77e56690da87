import type { Configuration } from '../../../model/configuration.ts'
import { meshDefaults, type MeshResource } from '../../../model/kinds/mesh.ts'
import { clusterAddresses, type ServiceResource } from '../../../model/kinds/service.ts'
import { objectDocument } from '../../../model/parsing/object-document.ts'
import { checkPlacements } from '../../../model/parsing/placements.ts'
import { checkDuplicates } from '../../../model/parsing/duplicates.ts'
import type { Report } from '../../../model/parsing/references.ts'
import type { Resource, Sourced } from '../../../model/parsing/validate.ts'
import type { ConfigurationProblem } from '../../../model/problem.ts'
import type { WatchedConfiguration } from './watched-kinds.ts'
import { byAge, type WatchedObject } from './watched-object.ts'

export interface Assembled {
  readonly configuration: Configuration
  readonly leftOut: readonly ConfigurationProblem[]
}

export interface AssemblyOptions {
  /** Of the control plane: a Mesh elsewhere is nobody's. */
  readonly namespace: string
  /** The last Mesh that was good, for one that is not. */
  readonly lastMesh: MeshResource['spec'] | undefined
}

/** Nobody reads more. */
const maxLeftOut = 1000

/**
 * What the objects of a cluster make together. Those that are no good, or contradict an older one, are left out; the
 * others hold. References that lead nowhere are no faults here: a Service may come later than its route.
 */
export function assemble(watched: WatchedConfiguration, options: AssemblyOptions): Assembled {
  const leftOut = new LeftOut()
  const mesh = meshOf([...watched.meshes].toSorted(byAge), { ...options, leftOut })
  const services = withoutSharedAddresses(leftOut.good(watched.services).toSorted(byAge), leftOut)
  const claiming = [
    ...leftOut.good(watched.workloads),
    ...leftOut.good(watched.trafficPolicies),
    ...leftOut.good(watched.backendTrafficPolicies),
    ...leftOut.good(watched.serviceEntries),
    ...leftOut.good(watched.functions),
  ].toSorted(byAge)
  const sourced = claiming.map(({ title, resource }) => sourcedAs(title, resource))
  checkDuplicates(sourced, leftOut.report)
  checkPlacements([sourcedAs('Mesh', meshResource(mesh)), ...sourced], leftOut.report)
  const kept = sourced.filter(({ document }) => !leftOut.has(document.file))
  const ofKind = <K extends Resource['kind']>(kind: K) =>
    kept.flatMap(({ resource }) =>
      resource.kind === kind ? [resource as Extract<Resource, { kind: K }>] : [],
    )
  return {
    configuration: {
      mesh,
      services: services.map(({ resource }) => resource),
      endpointSlices: leftOut.good(watched.endpointSlices).map(({ resource }) => resource),
      httpRoutes: leftOut.good(watched.httpRoutes).map(({ resource }) => resource),
      grpcRoutes: leftOut.good(watched.grpcRoutes).map(({ resource }) => resource),
      workloads: ofKind('Workload'),
      trafficPolicies: ofKind('TrafficPolicy'),
      backendTrafficPolicies: ofKind('XBackendTrafficPolicy'),
      serviceEntries: ofKind('ServiceEntry'),
      functions: ofKind('Function'),
      authorizationPolicies: resourcesOf(leftOut.good(watched.authorizationPolicies)),
      requestAuthentications: resourcesOf(leftOut.good(watched.requestAuthentications)),
      membership: 'slices',
    },
    leftOut: leftOut.problems(),
  }
}

function resourcesOf<R extends Resource>(objects: readonly Good<R>[]): R[] {
  return objects.map(({ resource }) => resource)
}

/** In the place of one that nobody can read. */
const shutMesh: MeshResource['spec'] = {
  ...meshDefaults,
  mtls: 'strict',
  defaultAuthorization: 'deny',
}

type Good<R extends Resource> = WatchedObject<R> & { readonly resource: R }

/** What is wrong, and with which objects. */
class LeftOut {
  readonly #problems: ConfigurationProblem[] = []
  readonly #titles = new Set<string>()

  readonly report: Report = ({ document }, path, message) => {
    this.add(document.problem(path, message))
  }

  add(problem: ConfigurationProblem): void {
    this.#titles.add(problem.file)
    if (this.#problems.length <= maxLeftOut) this.#problems.push(problem)
  }

  has(title: string): boolean {
    return this.#titles.has(title)
  }

  /** Those without problems; takes note of the problems of the others. */
  good<R extends Resource>(objects: Iterable<WatchedObject<R>>): Good<R>[] {
    const good: Good<R>[] = []
    for (const object of objects) {
      for (const problem of object.problems) this.add(problem)
      if (isGood(object)) good.push(object)
    }
    return good
  }

  /** By the object's name, so that the order of events decides nothing. */
  problems(): readonly ConfigurationProblem[] {
    const sorted = this.#problems
      .slice(0, maxLeftOut)
      .toSorted((a, b) => (a.file === b.file ? 0 : a.file < b.file ? -1 : 1))
    const next = this.#problems[maxLeftOut]
    if (next === undefined) return sorted
    const message = `and more: only the first ${maxLeftOut} problems are shown`
    return [...sorted, { ...next, path: '', message }]
  }
}

function isGood<R extends Resource>(object: WatchedObject<R>): object is Good<R> {
  return object.resource !== undefined
}

function sourcedAs(title: string, resource: Resource): Sourced {
  return { resource, document: objectDocument(title, resource) }
}

function meshResource(spec: MeshResource['spec']): MeshResource {
  return {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Mesh',
    metadata: { name: 'mesh', namespace: 'default', labels: {} },
    spec,
  }
}

/**
 * The oldest Mesh beside the control plane. A slip in it must not open the mesh: where it can't be read the last good
 * one holds, and at the very start plain text is refused, and what no policy opens.
 */
function meshOf(
  meshes: readonly WatchedObject<MeshResource>[],
  { namespace, lastMesh, leftOut }: AssemblyOptions & { readonly leftOut: LeftOut },
): MeshResource['spec'] {
  const [own, ...others] = meshes.filter(mesh => (mesh.namespace ?? namespace) === namespace)
  const foreign = meshes.filter(mesh => (mesh.namespace ?? namespace) !== namespace)
  for (const { title } of foreign)
    leftOut.add(
      objectDocument(title, {}).problem(
        ['metadata', 'namespace'],
        `only a Mesh in the namespace ${namespace}, where the control plane is, counts`,
      ),
    )
  for (const { title } of others)
    leftOut.add(
      objectDocument(title, {}).problem(
        ['metadata', 'name'],
        `Mesh is defined already by ${own?.title}`,
      ),
    )
  if (own === undefined) return meshDefaults
  for (const problem of own.problems) leftOut.add(problem)
  return own.resource?.spec ?? lastMesh ?? shutMesh
}

/** An address leads to one Service. The API server sees to it, unless it was set back or somebody wrote past it. */
function withoutSharedAddresses(
  services: readonly Good<ServiceResource>[],
  leftOut: LeftOut,
): Good<ServiceResource>[] {
  const owners = new Map<string, string>()
  return services.filter(({ title, resource }) => {
    const addresses = clusterAddresses(resource)
    const taken = addresses.find(address => owners.has(address))
    if (taken !== undefined) {
      const message = `${taken} is the address of ${owners.get(taken)} already`
      leftOut.add(objectDocument(title, {}).problem(['spec', 'clusterIP'], message))
      return false
    }
    for (const address of addresses) owners.set(address, title)
    return true
  })
}
