import { loadConfiguration, type Configuration, type LoadOptions } from '../model/configuration.ts'
import { formatProblem } from '../model/problem.ts'
import { CommandError } from './command-error.ts'

/** @throws CommandError with all problems, one a line. */
export async function readConfiguration(
  path: string,
  options: LoadOptions = {},
): Promise<Configuration> {
  const { configuration, problems } = await loadConfiguration(path, options)
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('\n'))
  return configuration
}
