import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDocuments } from './document.ts'
import type { EndpointSliceResource } from './kinds/endpoint-slice.ts'
import type { HttpRouteResource } from './kinds/http-route.ts'
import type { MeshResource } from './kinds/mesh.ts'
import type { ServiceResource } from './kinds/service.ts'
import type { TrafficPolicyResource } from './kinds/traffic-policy.ts'
import type { WorkloadResource } from './kinds/workload.ts'
import type { ConfigurationProblem } from './problem.ts'
import { checkReferences } from './references.ts'
import { validateDocument, type Resource, type Sourced } from './validate.ts'

/** All resources of one reading of the files, valid each and together. */
export interface Configuration {
  readonly mesh: MeshResource['spec']
  readonly services: readonly ServiceResource[]
  readonly endpointSlices: readonly EndpointSliceResource[]
  readonly httpRoutes: readonly HttpRouteResource[]
  readonly workloads: readonly WorkloadResource[]
  readonly trafficPolicies: readonly TrafficPolicyResource[]
}

export interface LoadResult {
  /** Of use only when there are no problems. */
  readonly configuration: Configuration
  readonly problems: readonly ConfigurationProblem[]
}

/** A file's name, as problems shall show it, and its text. */
export interface SourceFile {
  readonly name: string
  readonly text: string
}

/**
 * Reads a file, or all `.yaml` and `.yml` files of a folder (not of folders in it).
 * What can't be read is a problem like any other.
 */
export async function loadConfiguration(path: string): Promise<LoadResult> {
  try {
    return parseConfiguration(await readSources(path))
  } catch (error) {
    const message = `cannot be read: ${(error as Error).message}`
    const problem = { file: path, line: 1, column: 1, path: '', message }
    return { configuration: collect([]), problems: [problem] }
  }
}

/** Parses and checks the files together; reports all problems at once. */
export function parseConfiguration(files: readonly SourceFile[]): LoadResult {
  const problems: ConfigurationProblem[] = []
  const sourced: Sourced[] = []
  for (const { name, text } of files) {
    const parsed = parseDocuments(name, text)
    problems.push(...parsed.problems)
    for (const document of parsed.documents) {
      const validation = validateDocument(document)
      if ('problems' in validation) problems.push(...validation.problems)
      else sourced.push({ resource: validation.resource, document })
    }
  }
  // A reference to a document that is broken itself would be reported twice.
  if (problems.length === 0) problems.push(...checkReferences(sourced))
  return { configuration: collect(sourced.map(({ resource }) => resource)), problems }
}

async function readSources(path: string): Promise<SourceFile[]> {
  if (!(await stat(path)).isDirectory()) return [{ name: path, text: await readFile(path, 'utf8') }]
  const names = (await readdir(path)).filter(name => /\.ya?ml$/.test(name)).toSorted()
  return Promise.all(
    names.map(async name => ({
      name: join(path, name),
      text: await readFile(join(path, name), 'utf8'),
    })),
  )
}

function collect(resources: readonly Resource[]): Configuration {
  const ofKind = <K extends Resource['kind']>(kind: K) =>
    resources.filter(
      (resource): resource is Extract<Resource, { kind: K }> => resource.kind === kind,
    )
  return {
    mesh: ofKind('Mesh')[0]?.spec ?? { trustDomain: 'weft.local', mtls: 'permissive' },
    services: ofKind('Service'),
    endpointSlices: ofKind('EndpointSlice'),
    httpRoutes: ofKind('HTTPRoute'),
    workloads: ofKind('Workload'),
    trafficPolicies: ofKind('TrafficPolicy'),
  }
}
