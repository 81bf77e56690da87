import { loadConfiguration, type Configuration } from '../model/configuration.ts'
import { formatProblem } from '../model/problem.ts'
import { CommandError } from './command-error.ts'

/** @throws CommandError with all problems, one a line. */
export async function readConfiguration(path: string): Promise<Configuration> {
  const { configuration, problems } = await loadConfiguration(path)
  if (problems.length > 0) throw new CommandError(problems.map(formatProblem).join('\n'))
  return configuration
}
