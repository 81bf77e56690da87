import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuthorizationPolicyResource } from './kinds/authorization-policy.ts'
import type { EndpointSliceResource } from './kinds/endpoint-slice.ts'
import type { FunctionResource } from './kinds/function/function.ts'
import type { GrpcRouteResource } from './kinds/grpc-route.ts'
import type { HttpRouteResource } from './kinds/http-route.ts'
import { meshDefaults, type MeshResource } from './kinds/mesh.ts'
import type { RequestAuthenticationResource } from './kinds/request-authentication.ts'
import type { ServiceResource } from './kinds/service.ts'
import type { BackendTrafficPolicyResource } from './kinds/traffic/backend-traffic-policy.ts'
import type { ServiceEntryResource } from './kinds/service-entry.ts'
import type { TrafficPolicyResource } from './kinds/traffic-policy.ts'
import type { WorkloadResource } from './kinds/workload.ts'
import { maxFileBytes, parseDocuments } from './parsing/document.ts'
import { checkReferences } from './parsing/references.ts'
import { Suspects } from './parsing/suspects.ts'
import { findWarnings } from './parsing/warnings/find-warnings.ts'
import { foreignKindOf, validateDocument, type Resource, type Sourced } from './parsing/validate.ts'
import type { ConfigurationProblem } from './problem.ts'

/** All resources of one reading of the files, valid each and together. */
export interface Configuration {
  readonly mesh: MeshResource['spec']
  readonly services: readonly ServiceResource[]
  readonly endpointSlices: readonly EndpointSliceResource[]
  readonly httpRoutes: readonly HttpRouteResource[]
  readonly grpcRoutes: readonly GrpcRouteResource[]
  readonly workloads: readonly WorkloadResource[]
  readonly trafficPolicies: readonly TrafficPolicyResource[]
  readonly backendTrafficPolicies: readonly BackendTrafficPolicyResource[]
  readonly serviceEntries: readonly ServiceEntryResource[]
  readonly functions: readonly FunctionResource[]
  readonly authorizationPolicies: readonly AuthorizationPolicyResource[]
  readonly requestAuthentications: readonly RequestAuthenticationResource[]
  /** `slices`: in a cluster EndpointSlices say who answers for a Service that has a selector. Default `registrations`. */
  readonly membership?: 'registrations' | 'slices'
  /**
   * Pods of a cluster that have a sidecar, by `namespace/name`. It counts before it has registered here: what one replica
   * of the control plane knows by registrations, another one does not.
   */
  readonly injectedPods?: ReadonlyMap<string, InjectedPod>
}

export interface InjectedPod {
  readonly address: string
  /** Of the application, as its sidecar knows them. */
  readonly ports: readonly number[]
  readonly meshPort: number
  /** SPIFFE ID that its sidecar has, or will have. */
  readonly identity: string
  readonly labels: Readonly<Record<string, string>>
  /** It is to go: its sidecar takes no new connections. */
  readonly isLeaving: boolean
}

export interface LoadResult {
  /** Of use only when there are no problems. */
  readonly configuration: Configuration
  readonly problems: readonly ConfigurationProblem[]
  /**
   * Of single objects that a source without files has left out, while the rest holds: in a cluster nobody owns the
   * whole. `file` names the object there, as `HTTPRoute default/orders`. Default: none.
   */
  readonly leftOut?: readonly ConfigurationProblem[]
  /** What is valid and hardly meant; only where it was asked for. */
  readonly warnings?: readonly ConfigurationProblem[]
  /** Documents of kinds that are not known here; only where they are to be ignored. */
  readonly ignored?: readonly ConfigurationProblem[]
}

/** A file's name, as problems shall show it, and its text. */
export interface SourceFile {
  readonly name: string
  readonly text: string
}

/** Nobody reads more; a file that is no configuration at all can have millions. */
const maxProblems = 1000

export interface LoadOptions {
  /** Other sources define more: references may lead to what they have. Default false. */
  readonly isPart?: boolean
  /** Looks for warnings as well. Default false. */
  readonly warns?: boolean
  /** Documents of kinds of others are no problems. Default false. */
  readonly ignoresUnknownKinds?: boolean
}

/**
 * Reads a file, or all `.yaml` and `.yml` files of a folder (not of folders in it). What can't be read is a problem like
 * any other. So is a configuration without a document: it is a file half written rather than a wish for an empty mesh.
 */
export async function loadConfiguration(
  path: string,
  options: LoadOptions = {},
): Promise<LoadResult> {
  const reading = new Reading(options)
  const names = await configurationFiles(path).catch((error: Error) => {
    reading.fail(path, `cannot be read: ${error.message}`)
    return []
  })
  const sources = await Promise.all(names.map(readSource))
  for (const source of sources)
    if ('text' in source) reading.add(source)
    else reading.fail(source.name, `cannot be read: ${source.reason}`)
  if (reading.isEmpty) reading.fail(path, 'holds no document')
  return reading.finish()
}

/** Whether a file of a folder is one of its configuration, by its name. */
export function isConfigurationFile(name: string): boolean {
  return /\.ya?ml$/.test(name)
}

/** The files that a path stands for. @throws Error when there is nothing. */
export async function configurationFiles(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path]
  const entries = await readdir(path, { withFileTypes: true })
  return entries
    .filter(entry => isConfigurationFile(entry.name) && !entry.isDirectory())
    .map(({ name }) => join(path, name))
    .toSorted()
}

/** Parses and checks the files together; reports all problems at once. */
export function parseConfiguration(
  files: readonly SourceFile[],
  options: LoadOptions = {},
): LoadResult {
  const reading = new Reading(options)
  for (const file of files) reading.add(file)
  return reading.finish()
}

/** What was found in the files so far. */
class Reading {
  readonly #sourced: Sourced[] = []
  readonly #problems: ConfigurationProblem[] = []
  readonly #ignored: ConfigurationProblem[] = []
  readonly #suspects = new Suspects()
  readonly #options: LoadOptions

  constructor(options: LoadOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return [this.#sourced, this.#problems, this.#ignored].every(list => list.length === 0)
  }

  /** A file of which nothing is known but that something is wrong. */
  fail(file: string, message: string): void {
    this.#problems.push({ file, line: 1, column: 1, path: '', message })
    this.#suspects.addUnknown()
  }

  add({ name, text }: SourceFile): void {
    const { documents, problems, broken } = parseDocuments(name, text)
    for (const problem of problems) this.#problems.push(problem)
    for (const part of broken) this.#suspects.addText(part)
    for (const document of documents) {
      const foreign = this.#options.ignoresUnknownKinds && foreignKindOf(document)
      if (foreign) {
        this.#ignored.push(document.problem(['kind'], `${foreign} is not known here, and ignored`))
        continue
      }
      const validation = validateDocument(document)
      if ('resource' in validation) {
        this.#sourced.push({ resource: validation.resource, document })
        continue
      }
      for (const problem of validation.problems) this.#problems.push(problem)
      this.#suspects.addValue(document.value)
    }
  }

  finish(): LoadResult {
    const { isPart = false, warns = false, ignoresUnknownKinds = false } = this.#options
    const known = { suspects: this.#suspects, isPart }
    const problems = [...this.#problems, ...checkReferences(this.#sourced, known)]
    return {
      configuration: collect(this.#sourced.map(({ resource }) => resource)),
      problems: bounded(problems.toSorted(byPlace)),
      ...(warns && { warnings: bounded(findWarnings(this.#sourced).toSorted(byPlace)) }),
      ...(ignoresUnknownKinds && { ignored: bounded(this.#ignored.toSorted(byPlace)) }),
    }
  }
}

function byPlace(a: ConfigurationProblem, b: ConfigurationProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}

function bounded(problems: ConfigurationProblem[]): ConfigurationProblem[] {
  const next = problems[maxProblems]
  if (next === undefined) return problems
  const message = `and more: only the first ${maxProblems} problems are shown`
  return [...problems.slice(0, maxProblems), { ...next, path: '', message }]
}

type Source = SourceFile | { readonly name: string; readonly reason: string }

async function readSource(name: string): Promise<Source> {
  try {
    const { size } = await stat(name)
    if (size > maxFileBytes) return { name, reason: `it is larger than ${maxFileBytes} bytes` }
    return { name, text: await readFile(name, 'utf8') }
  } catch (error) {
    return { name, reason: (error as Error).message }
  }
}

function collect(resources: readonly Resource[]): Configuration {
  const ofKind = <K extends Resource['kind']>(kind: K) =>
    resources.filter(
      (resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind,
    )
  return {
    mesh: ofKind('Mesh')[0]?.spec ?? meshDefaults,
    services: ofKind('Service'),
    endpointSlices: ofKind('EndpointSlice'),
    httpRoutes: ofKind('HTTPRoute'),
    grpcRoutes: ofKind('GRPCRoute'),
    workloads: ofKind('Workload'),
    trafficPolicies: ofKind('TrafficPolicy'),
    backendTrafficPolicies: ofKind('XBackendTrafficPolicy'),
    serviceEntries: ofKind('ServiceEntry'),
    functions: ofKind('Function'),
    authorizationPolicies: ofKind('AuthorizationPolicy'),
    requestAuthentications: ofKind('RequestAuthentication'),
  }
}
