import { enableCompileCache } from 'node:module'
import { resolve } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { usageErrorCode } from './command-error.ts'
import { controlPlaneOption, controlState, defaultState, type Finish } from './common-options.ts'
import { addCompose } from './compose/commands.ts'
import { addControl } from './control-command.ts'
import { addFunctions, addInvoke, addLogs, addPlacement } from './functions/commands.ts'
import { addKubernetes } from './kubernetes/commands.ts'
import { compileCacheOf } from './process/compile-cache.ts'
import { addLabel, parseHttpUrl, parsePeriod, parsePort, parseWorkers } from './option-values.ts'
import type { InitFlags } from './init.ts'
import type { ValidateFlags } from './validate.ts'
import { version } from './version.ts'

const defaultConfig = 'config/mesh.yaml'

/** Reads the command line and runs its command, whose file alone is loaded. Returns the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let exitCode = 0
  const program = new Command('weft')
    .description(
      'A lightweight service mesh: a sidecar next to each service, a small control plane.',
    )
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError('`weft --help` lists commands, `weft <command> --help` its options.')
  const finish: Finish = code => {
    exitCode = code
  }
  addUp(program, finish)
  addProxy(program, finish)
  addReady(program, finish)
  addDrain(program, finish)
  addInit(program, finish)
  addControl(program, finish)
  addValidate(program, finish)
  addToken(program, finish)
  addStatus(program, finish)
  addRoutes(program, finish)
  addFunctions(program, finish)
  addInvoke(program, finish)
  addLogs(program, finish)
  addPlacement(program, finish)
  addKubernetes(program, finish)
  addCompose(program, finish)
  program
    .command('version')
    .description('print the version')
    .action(() => console.log(version))
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : usageErrorCode
  }
  return exitCode
}

function addUp(program: Command, finish: Finish): void {
  program
    .command('up')
    .description('run the control plane, and each workload with its sidecar, on this machine')
    .argument('[config]', 'file or folder of YAML documents', defaultConfig)
    .option('--control-port <port>', 'push port of the control plane', parsePort(1), 15012)
    .option('--control-admin-port <port>', 'admin port of the control plane', parsePort(1), 15014)
    .option('--state-directory <folder>', 'keys, certificates and snapshots', defaultState)
    .option('--ignore-unknown-kinds', 'leave out documents of kinds that are not known here')
    .action(async (config: string, options: UpFlags) => {
      // Before anything else is loaded: sidecars run much of it too, and find it compiled.
      enableCompileCache(compileCacheOf(resolve(options.stateDirectory)))
      const { up } = await import('./up.ts')
      const { ignoreUnknownKinds: ignoresUnknownKinds = false, ...rest } = options
      finish(await up({ config, ignoresUnknownKinds, ...rest }))
    })
}

interface UpFlags {
  readonly controlPort: number
  readonly controlAdminPort: number
  readonly stateDirectory: string
  readonly ignoreUnknownKinds?: boolean
}

function addProxy(program: Command, finish: Finish): void {
  program
    .command('proxy')
    .description('run one sidecar')
    .option(
      '--config <file>',
      'its bootstrap, JSON (default: the WEFT_ variables of the environment)',
    )
    .addOption(
      new Option('--workers <count>', 'threads that share the traffic, 1 to 64 (Linux)').argParser(
        parseWorkers,
      ),
    )
    .action(async ({ config, workers }: { config?: string; workers?: number }) => {
      const { proxy } = await import('./proxy.ts')
      finish(await proxy(config, workers === undefined ? {} : { workers }))
    })
}

interface ReadyFlags {
  readonly url?: string
  readonly timeout?: number
  readonly wait?: number
}

function addReady(program: Command, finish: Finish): void {
  program
    .command('ready')
    .description('whether the sidecar here is ready: exit code 0 or 1')
    .option('--url <url>', 'of the page to ask (default: that of WEFT_HEALTH)')
    .addOption(
      new Option('--timeout <duration>', 'for one question (default: 1s)').argParser(parsePeriod),
    )
    .addOption(new Option('--wait <duration>', 'ask again for so long').argParser(parsePeriod))
    .action(async ({ url, timeout: timeoutMs, wait: waitMs }: ReadyFlags) => {
      const { ready } = await import('./ready.ts')
      const given = {
        ...(url !== undefined && { url }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(waitMs !== undefined && { waitMs }),
      }
      finish(await ready(given))
    })
}

function addDrain(program: Command, finish: Finish): void {
  program
    .command('drain')
    .description('take the sidecar here out of the mesh')
    .option('--inbound', 'only what comes in: its application may still call others')
    .addOption(
      new Option('--admin <url>', 'of the sidecar (default: that of WEFT_ADMIN)').argParser(
        parseHttpUrl,
      ),
    )
    .action(async ({ inbound = false, admin }: { inbound?: boolean; admin?: URL }) => {
      const { adminOf, drain } = await import('./drain.ts')
      const place = admin?.origin ?? adminOf(process.env)
      finish(await drain({ admin: place, inbound, print: line => console.error(line) }))
    })
}

function addInit(program: Command, finish: Finish): void {
  program
    .command('init')
    .description('let iptables bring traffic to the sidecar (transparent mode)')
    .option('--uid <ids>', 'of the sidecar: its own traffic is not captured')
    .option('--gid <ids>', 'the same by group')
    .option('--outbound-port <port>', 'where the sidecar takes what goes out', '15001')
    .option('--inbound-port <port>', 'where it takes what comes in', '15006')
    .option('--no-inbound', 'leave what comes in alone')
    .option('--dns [port]', 'bring DNS queries to the sidecar too (15053)')
    .option('--exclude-outbound-ports <ports>', 'not captured, as 25,5432')
    .option('--exclude-inbound-ports <ports>', 'not captured')
    .option('--exclude-cidrs <ranges>', 'destinations that are not captured')
    .option('--include-cidrs <ranges>', 'destinations that are; default: all')
    .option('--exclude-uids <ids>', 'users whose traffic is not captured')
    .option('--dry-run', 'print the rules and change nothing')
    .option('--undo', 'take the rules away again')
    .action(async (flags: InitFlags) => {
      const { init } = await import('./init.ts')
      finish(await init(flags))
    })
}

function addValidate(program: Command, finish: Finish): void {
  program
    .command('validate')
    .description('check configuration and print every problem with file and line')
    .argument('<path>', 'file or folder of YAML documents')
    .option('--strict', 'warnings are errors')
    .option('--ignore-unknown-kinds', 'leave out documents of kinds that are not known here')
    .option('--json', 'as one object')
    .action(async (path: string, flags: ValidateFlags) => {
      const { validate } = await import('./validate.ts')
      finish(await validate(path, flags))
    })
}

interface TokenFlags {
  readonly namespace: string
  readonly serviceAccount?: string
  readonly label?: Readonly<Record<string, string>>
  readonly life: number
  readonly stateDirectory: string
}

function addToken(program: Command, finish: Finish): void {
  program
    .command('token')
    .description('let workloads join the mesh')
    .command('create')
    .description('print a token that admits one workload, once')
    .argument('<workload>', 'its name')
    .option('--namespace <namespace>', 'its namespace', 'default')
    .option('--service-account <name>', 'last part of its identity (default: its name)')
    .option('--label <key=value>', 'a label, by which Services select it; repeat it', addLabel)
    .addOption(
      new Option('--life <duration>', 'how long the token can be used')
        .argParser(parsePeriod)
        .default(3_600_000, '1h'),
    )
    .option('--state-directory <folder>', 'of the control plane', controlState)
    .action(async (workload: string, flags: TokenFlags) => {
      const { createToken } = await import('./token.ts')
      const { label: labels = {}, life: lifeMs, ...options } = flags
      finish(await createToken(workload, { labels, lifeMs, ...options }))
    })
}

interface StatusFlags {
  readonly controlPlane: URL
  readonly json?: boolean
}

function addStatus(program: Command, finish: Finish): void {
  program
    .command('status')
    .description('show sidecars, and which configuration each has accepted')
    .addOption(controlPlaneOption())
    .option('--json', 'as the control plane says it')
    .action(async (options: StatusFlags) => {
      const { status } = await import('./status.ts')
      finish(await status({ json: false, ...options }))
    })
}

function addRoutes(program: Command, finish: Finish): void {
  program
    .command('routes')
    .description(
      'show the routes of each Service in the order of precedence, and what is wrong with them',
    )
    .addOption(controlPlaneOption())
    .option('--json', 'as the control plane says it')
    .action(async (options: StatusFlags) => {
      const { routes } = await import('./routes.ts')
      finish(await routes({ json: false, ...options }))
    })
}
