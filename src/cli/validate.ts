import { loadConfiguration, type LoadResult } from '../model/configuration.ts'
import { formatNotice, formatProblem } from '../model/problem.ts'
import { CommandError } from './command-error.ts'

export interface ValidateFlags {
  /** Warnings count as problems. */
  readonly strict?: boolean
  readonly ignoreUnknownKinds?: boolean
  readonly json?: boolean
}

/**
 * `weft validate`: counts what is there, and tells of what is valid and hardly meant.
 * @returns 1 where problems were printed as JSON.
 * @throws CommandError with all problems and warnings, one a line.
 */
export async function validate(path: string, flags: ValidateFlags = {}): Promise<number> {
  const ignoresUnknownKinds = flags.ignoreUnknownKinds === true
  const result = await loadConfiguration(path, { warns: true, ignoresUnknownKinds })
  const { problems, warnings = [], ignored = [] } = result
  const valid = problems.length === 0 && (flags.strict !== true || warnings.length === 0)
  if (flags.json === true) {
    console.log(JSON.stringify({ valid, problems, warnings, ignored }, null, 2))
    return valid ? 0 : 1
  }
  const lines = linesOf(result)
  if (!valid) throw new CommandError(lines.join('\n'))
  for (const line of lines) console.error(line)
  console.log(`${path} is valid (${countsOf(result).join(', ')})`)
  return 0
}

function linesOf({ problems, warnings = [], ignored = [] }: LoadResult): string[] {
  return [
    ...problems.map(formatProblem),
    ...warnings.map(warning => formatNotice('warning', warning)),
    ...ignored.map(document => formatNotice('ignored', document)),
  ]
}

function countsOf({ configuration, warnings = [], ignored = [] }: LoadResult): string[] {
  const { services, httpRoutes, grpcRoutes, workloads } = configuration
  return [
    `services: ${services.length}`,
    `routes: ${httpRoutes.length + grpcRoutes.length}`,
    `workloads: ${workloads.length}`,
    ...(warnings.length > 0 ? [`warnings: ${warnings.length}`] : []),
    ...(ignored.length > 0 ? [`ignored: ${ignored.length}`] : []),
  ]
}
