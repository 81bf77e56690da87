import { mkdir, writeFile } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { dirname, resolve } from 'node:path'
import { monotonicNow } from '../base/clock.ts'
import { codeExtension } from '../base/code-extension.ts'
import type { Configuration } from '../model/configuration.ts'
import type { FunctionResource } from '../model/kinds/function/function.ts'
import { CommandError } from './command-error.ts'
import { compileCacheOf } from './process/compile-cache.ts'
import { readConfiguration } from './read-configuration.ts'
import { TerminationListener } from './process/termination.ts'
import { addressBookOf } from './up/addresses.ts'
import { claimsOf } from './up/claims.ts'
import { prepareSidecar } from './up/join.ts'
import { LocalMesh } from './up/local-mesh.ts'
import { onDemandSidecars } from './up/on-demand/on-demand-sidecars.ts'
import { OrphanGuard } from '../base/orphan-guard.ts'
import { planMesh, type MeshPlan, type UpOptions } from './up/plan.ts'
import { findPortProblems } from './up/ports.ts'
import { obstacleOf } from './up/runnable.ts'
import { formatProcesses, formatSuggestions } from './up/summary.ts'
import { TrafficView } from './up/traffic-view.ts'

const main = resolve(import.meta.dirname, `../main${codeExtension}`)
const summaryIntervalMs = 1000

const print = (line: string): void => console.log(line)

/**
 * `weft up`: a whole mesh on this machine, until Ctrl-C. Returns 0 when it was told to end, 1 when a second Ctrl-C
 * had to kill it.
 * @throws CommandError when the configuration is broken, a port is taken, or a part does not become ready.
 */
export async function up(options: UpOptions): Promise<number> {
  const { config, ignoresUnknownKinds = false } = options
  const read = await readConfiguration(config, { ignoresUnknownKinds })
  const configuration = await withoutUnrunnable(read)
  const plan = planMesh(configuration, options)
  const problems = await findPortProblems(claimsOf(plan))
  if (problems.length > 0) throw new CommandError(problems.join('\n'))
  await writeControlBootstrap(plan)
  await compileSidecar()

  using termination = new TerminationListener()
  const guard = await OrphanGuard.start()
  const traffic = new TrafficView(print, addressBookOf(plan), monotonicNow)
  const mesh = new LocalMesh(plan, {
    main,
    guard,
    compileCache: compileCacheOf(resolve(options.stateDirectory)),
    print,
    onAccess: (workload, line) => traffic.observe(workload, line),
    prepare: sidecar => prepareSidecar(sidecar, plan.control),
  })
  const summary = setInterval(() => traffic.summarise(), summaryIntervalMs)
  try {
    await runMesh(mesh, termination, () => printSummary(plan, configuration, mesh))
    return await stopMesh(mesh, termination)
  } catch (error) {
    mesh.kill()
    await mesh.stop()
    throw error
  } finally {
    clearInterval(summary)
    await guard.close()
  }
}

/** The rest of the mesh starts all the same. */
async function withoutUnrunnable(configuration: Configuration): Promise<Configuration> {
  const functions: FunctionResource[] = []
  for (const resource of configuration.functions) {
    const obstacle = await obstacleOf(resource)
    if (obstacle === undefined) functions.push(resource)
    else print(`Function ${resource.metadata.name} is left out: ${obstacle}`)
  }
  return { ...configuration, functions }
}

/** Resolves when it was told to end, also during the start. */
async function runMesh(
  mesh: LocalMesh,
  termination: TerminationListener,
  onReady: () => void,
): Promise<void> {
  const ended = termination.first
  const started = await Promise.race([mesh.start().then(() => 'started'), ended])
  if (started === 'started') onReady()
  const cause = await ended
  if (cause.kind === 'crash') throw cause.error
  print('\nstopping; once more to kill')
}

/** Returns the exit code. */
async function stopMesh(mesh: LocalMesh, termination: TerminationListener): Promise<number> {
  const stopped = mesh.stop()
  const impatient = termination.second.then(() => 'impatient')
  if ((await Promise.race([stopped, impatient])) === undefined) return 0
  mesh.kill()
  await stopped
  return 1
}

function printSummary(plan: MeshPlan, configuration: Configuration, mesh: LocalMesh): void {
  const parts = [
    formatProcesses(plan, mesh.pids),
    formatSuggestions(plan, configuration),
    'Requests appear below. Edit the configuration while it runs; Ctrl-C ends it.\n',
  ]
  print(parts.filter(part => part !== '').join('\n\n'))
}

async function writeControlBootstrap(plan: MeshPlan): Promise<void> {
  const { bootstrap, bootstrapFile } = plan.control
  await mkdir(dirname(bootstrapFile), { recursive: true, mode: 0o700 })
  await writeFile(bootstrapFile, JSON.stringify(bootstrap, null, 2), { mode: 0o600 })
  if (bootstrap.scaling === undefined) return
  const scaling = { process: onDemandSidecars(plan) }
  await writeFile(bootstrap.scaling, JSON.stringify(scaling, null, 2), { mode: 0o600 })
}

/** Compiles once, here, what all sidecars run: each of them then starts faster and with 10 MB less. */
async function compileSidecar(): Promise<void> {
  const { loadProxy } = await import('./proxy.ts')
  await loadProxy()
  flushCompileCache()
}
