import { toCommandError } from './cli/command-error.ts'

/**
 * A sidecar stands beside every workload, and is asked every second whether it is ready, so the usual forms of both
 * skip the command line library (7 MB resident); every other form goes the common way.
 */
async function run(argv: readonly string[]): Promise<number> {
  const [command, option, file] = argv
  const configured = option === '--config' && file !== undefined && argv.length === 3
  if (command === 'proxy' && (argv.length === 1 || configured)) {
    const { proxy } = await import('./cli/proxy.ts')
    return proxy(file)
  }
  if (command === 'ready' && argv.length === 1) {
    const { ready } = await import('./cli/ready.ts')
    return ready()
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
