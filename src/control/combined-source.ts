import type { Configuration, LoadResult } from '../model/configuration.ts'
import { meshDefaults } from '../model/kinds/mesh.ts'
import type { ConfigurationProblem } from '../model/problem.ts'
import type { ConfigurationSource } from './configuration-source.ts'

const kinds = [
  'services',
  'endpointSlices',
  'httpRoutes',
  'grpcRoutes',
  'workloads',
  'trafficPolicies',
  'backendTrafficPolicies',
  'serviceEntries',
  'functions',
  'authorizationPolicies',
  'requestAuthentications',
] as const

/**
 * Several sources as one. What two of them define is the first one's; the other's is left out and told. A source whose
 * new state has problems goes on with its last good one, and so do the others.
 */
export class CombinedSource implements ConfigurationSource {
  readonly #sources: readonly ConfigurationSource[]
  readonly #results: LoadResult[] = []

  /** @param sources in the order of precedence; the first Mesh that one gives holds. */
  constructor(sources: readonly ConfigurationSource[]) {
    this.#sources = sources
  }

  async load(): Promise<LoadResult> {
    const results = await Promise.all(this.#sources.map(source => source.load()))
    for (const [index, result] of results.entries()) this.#take(index, result)
    const bad = results.find(({ problems }) => problems.length > 0)
    // Whoever loads decides what becomes of it; what comes by `watch` goes on without.
    return bad ?? this.#combine()
  }

  async watch(onChange: (result: LoadResult) => void): Promise<void> {
    await Promise.all(
      this.#sources.map((source, index) =>
        source.watch(result => {
          this.#take(index, result)
          onChange(this.#combine())
        }),
      ),
    )
  }

  close(): void {
    for (const source of this.#sources) source.close()
  }

  #take(index: number, result: LoadResult): void {
    const good = result.problems.length === 0 ? result : this.#results[index]
    if (good === undefined) return
    const problems = [...result.problems, ...(result.leftOut ?? [])]
    this.#results[index] = { configuration: good.configuration, problems: [], leftOut: problems }
  }

  #combine(): LoadResult & Required<Pick<LoadResult, 'leftOut'>> {
    const results = this.#results.filter(result => result !== undefined)
    const leftOut = results.flatMap(result => result.leftOut ?? [])
    const [first, ...others] = results.map(({ configuration }) => configuration)
    if (first === undefined) throw new Error('no source has a good state yet')
    let configuration = first
    for (const other of others) configuration = merge(configuration, other, leftOut)
    return { configuration, problems: [], leftOut }
  }
}

function merge(
  first: Configuration,
  other: Configuration,
  leftOut: ConfigurationProblem[],
): Configuration {
  // A source without a Mesh has no word on it: defaults must not open what another one's Mesh shuts.
  const mesh = first.mesh === meshDefaults ? other.mesh : first.mesh
  const merged = { ...other, ...first, mesh }
  for (const kind of kinds) {
    const taken = new Set(first[kind].map(({ metadata }) => keyOf(metadata)))
    const added = other[kind].filter(resource => {
      const isFree = !taken.has(keyOf(resource.metadata))
      if (!isFree) leftOut.push(givenTwice(resource))
      return isFree
    })
    Object.assign(merged, { [kind]: [...first[kind], ...added] })
  }
  return merged
}

interface Named {
  readonly name: string
  readonly namespace: string
}

function keyOf({ namespace, name }: Named): string {
  return `${namespace}/${name}`
}

function givenTwice({
  kind,
  metadata,
}: {
  readonly kind: string
  readonly metadata: Named
}): ConfigurationProblem {
  const file = `${kind} ${keyOf(metadata)}`
  const message = 'is defined by another source as well, whose word holds'
  return { file, line: 1, column: 1, path: '', message }
}
