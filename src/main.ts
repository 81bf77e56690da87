import { toCommandError } from './cli/command-error.ts'

/**
 * A sidecar stands beside every workload, so its usual form skips the command line library (7 MB resident);
 * every other form, also of `proxy`, goes the common way.
 */
async function run(argv: readonly string[]): Promise<number> {
  const [command, option, file] = argv
  if (command === 'proxy' && option === '--config' && file !== undefined && argv.length === 3) {
    const { proxy } = await import('./cli/proxy.ts')
    return proxy(file)
  }
  const { runProgram } = await import('./cli/program.ts')
  return runProgram(argv)
}

try {
  process.exit(await run(process.argv.slice(2)))
} catch (error) {
  const shown = toCommandError(error)
  if (shown === undefined) throw error
  console.error(shown.message)
  process.exit(shown.exitCode)
}
