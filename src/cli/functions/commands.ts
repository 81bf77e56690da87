import { Option, type Command } from 'commander'
import { controlPlaneOption, defaultState, type Finish } from '../common-options.ts'
import { parseHttpUrl } from '../option-values.ts'

const defaultSidecar = 'http://127.0.0.1:15001'

interface ListFlags {
  readonly controlPlane: URL
  readonly json?: boolean
}

export function addFunctions(program: Command, finish: Finish): void {
  program
    .command('functions')
    .description('list functions, and the sidecars that run them')
    .addOption(controlPlaneOption())
    .option('--json', 'as the control plane says it')
    .action(async (options: ListFlags) => {
      const { functions } = await import('./list.ts')
      finish(await functions({ json: false, ...options }))
    })
}

interface InvokeFlags {
  readonly sidecar: URL
  readonly data?: string
  readonly log?: boolean
}

export function addInvoke(program: Command, finish: Finish): void {
  program
    .command('invoke')
    .description('call a function, and print what it returns')
    .argument('<function>', 'its name')
    .option('--data <json>', 'the event; - reads it from standard input')
    .option('--log', 'print what it wrote, to standard error')
    .addOption(
      new Option('--sidecar <url>', 'outbound address of any sidecar')
        .argParser(parseHttpUrl)
        .default(new URL(defaultSidecar), defaultSidecar),
    )
    .action(async (name: string, options: InvokeFlags) => {
      const { invoke } = await import('./invoke.ts')
      finish(await invoke(name, { log: false, ...options }))
    })
}

interface HostFlags {
  readonly namespace: string
  readonly stateDirectory: string
  readonly admin?: URL
}

/** Of commands that ask the sidecar of a function. */
function withHostFlags(command: Command): Command {
  return command
    .argument('<function>', 'its name')
    .option('--namespace <namespace>', 'its namespace', 'default')
    .option('--state-directory <folder>', 'of weft up', defaultState)
    .addOption(new Option('--admin <url>', "of the function's sidecar").argParser(parseHttpUrl))
}

interface LogsFlags extends HostFlags {
  readonly once?: boolean
}

export function addLogs(program: Command, finish: Finish): void {
  withHostFlags(program.command('logs'))
    .description('follow what the instances of a function write')
    .option('--once', 'end when all that there is was shown')
    .action(async (name: string, options: LogsFlags) => {
      const { logs } = await import('./logs.ts')
      finish(await logs(name, { once: false, ...options }))
    })
}

interface PlacementFlags extends HostFlags {
  readonly json?: boolean
}

export function addPlacement(program: Command, finish: Finish): void {
  const placement = program.command('placement').description('where functions run')
  withHostFlags(placement.command('explain'))
    .description('where the next call of a function would go, and why')
    .option('--json', 'as its sidecar says it')
    .action(async (name: string, options: PlacementFlags) => {
      const { explainPlacement } = await import('./placement.ts')
      finish(await explainPlacement(name, { json: false, ...options }))
    })
}
