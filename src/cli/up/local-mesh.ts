import { delimiter, dirname } from 'node:path'
import { monotonicNow } from '../../base/clock.ts'
import { formatLogLine } from './log-view.ts'
import type { ApplicationPlan, MeshPlan, SidecarPlan, WorkloadPlan } from './plan.ts'
import { parseRelayed } from './on-demand/relayed-line.ts'
import { waitUntilReady } from './readiness.ts'
import { ownEnvironment, sidecarGraceMs, sidecarProcess } from './sidecar-process.ts'
import type { WorkloadPids } from './summary.ts'
import { SupervisedProcess, type ProcessSpec, type Supervision } from './supervised-process.ts'

export interface LocalMeshOptions {
  readonly guard: Supervision['guard']
  /** Our own `main.ts`. */
  readonly main: string
  /** For Node's compiled code, shared by all children: saves each 16 MB and the time to strip types. */
  readonly compileCache: string
  /** Takes what a person should see. */
  readonly print: (line: string) => void
  /** Takes a line of a sidecar's access log. */
  readonly onAccess: (workload: string, line: string) => void
  /** Makes the files a sidecar needs before its start; called when the control plane is ready. */
  readonly prepare: (sidecar: SidecarPlan) => Promise<void>
}

interface LocalSidecar extends SidecarPlan {
  readonly child: SupervisedProcess
}

interface LocalWorkload {
  readonly name: string
  readonly sidecar: LocalSidecar | undefined
  readonly application: SupervisedProcess | undefined
}

const startTimeoutMs = 30_000
const applicationGraceMs = 10_000
const controlGraceMs = 5000

/** The processes of a mesh on this machine: the control plane, and each workload with its sidecar. */
export class LocalMesh {
  readonly #plan: MeshPlan
  readonly #options: LocalMeshOptions
  readonly #control: SupervisedProcess
  readonly #workloads: readonly LocalWorkload[]

  constructor(plan: MeshPlan, options: LocalMeshOptions) {
    this.#plan = plan
    this.#options = options
    this.#control = this.#createControl()
    this.#workloads = plan.workloads.map(workload => this.#createWorkload(workload))
  }

  /** Resolves when every sidecar is ready; rejects with what the first that failed said last. */
  async start(): Promise<void> {
    const until = { deadline: monotonicNow() + startTimeoutMs, now: monotonicNow }
    const control = this.#plan.control.bootstrap
    this.#control.start()
    await waitUntilReady(this.#control, { ...control.admin, path: '/status' }, until)
    for (const { sidecar, application } of this.#workloads) {
      application?.start()
      // The control plane starts those when they are called.
      if (sidecar === undefined || sidecar.onDemand === true) continue
      await this.#options.prepare(sidecar)
      sidecar.child.start()
    }
    await Promise.all(
      this.#sidecars
        .filter(({ onDemand }) => onDemand !== true)
        .map(({ child, bootstrap }) =>
          waitUntilReady(child, { ...bootstrap.admin, path: '/ready' }, until),
        ),
    )
  }

  /** Process ids by workload, of what runs. */
  get pids(): ReadonlyMap<string, WorkloadPids> {
    return new Map(
      this.#workloads.map(({ name, sidecar, application }) => [
        name,
        { application: application?.pid, sidecar: sidecar?.child.pid },
      ]),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workloads.map(stopWorkload))
    const onDemand = this.#sidecars.filter(sidecar => sidecar.onDemand === true)
    // It ends those first.
    const drains = onDemand.map(({ bootstrap }) => bootstrap.drainTimeoutMs + sidecarGraceMs)
    await this.#control.stop(controlGraceMs + Math.max(0, ...drains))
  }

  kill(): void {
    for (const { sidecar, application } of this.#workloads) {
      sidecar?.child.kill()
      application?.kill()
    }
    this.#control.kill()
  }

  get #sidecars(): readonly LocalSidecar[] {
    return this.#workloads.flatMap(({ sidecar }) => sidecar ?? [])
  }

  #createWorkload({ name, sidecar, application }: WorkloadPlan): LocalWorkload {
    return {
      name,
      sidecar: sidecar && { ...sidecar, child: this.#createSidecar(name, sidecar) },
      application: application && this.#createApplication(name, application),
    }
  }

  #createControl(): SupervisedProcess {
    const name = 'control plane'
    return this.#supervise({
      name,
      command: process.execPath,
      arguments: [this.#options.main, 'control', '--config', this.#plan.control.bootstrapFile],
      environment: ownEnvironment,
      onStdout: line => this.#takeControlLine(name, line),
      onStderr: line => this.#showLog(name, line),
    })
  }

  #createSidecar(workload: string, sidecar: SidecarPlan): SupervisedProcess {
    return this.#supervise({
      ...sidecarProcess(this.#options.main, sidecar),
      name: `${workload} sidecar`,
      onStdout: line => this.#options.onAccess(workload, line),
      onStderr: line => this.#showLog(`${workload} sidecar`, line),
    })
  }

  #takeControlLine(name: string, text: string): void {
    const relayed = parseRelayed(text)
    if (relayed === undefined) return this.#showLog(name, text)
    const { workload, stream, line } = relayed
    if (stream === 'stdout') this.#options.onAccess(workload, line)
    else this.#showLog(`${workload} sidecar`, line)
  }

  #createApplication(name: string, application: ApplicationPlan): SupervisedProcess {
    const show = (line: string): void => this.#options.print(`${name} | ${line}`)
    return this.#supervise({ name, ...application, onStdout: show, onStderr: show })
  }

  #supervise(spec: ProcessSpec): SupervisedProcess {
    const { guard, print, compileCache } = this.#options
    const environment = {
      NODE_COMPILE_CACHE: compileCache,
      ...process.env,
      // `node` means the one that runs us, whatever the system has.
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
      ...spec.environment,
    }
    return new SupervisedProcess(
      { ...spec, environment },
      { guard, report: print, now: monotonicNow },
    )
  }

  #showLog(name: string, line: string): void {
    const shown = formatLogLine(name, line)
    if (shown !== undefined) this.#options.print(shown)
  }
}

/** The application ends when it has finished what came from the mesh, and its sidecar when it has gone. */
async function stopWorkload({ sidecar, application }: LocalWorkload): Promise<void> {
  if (sidecar !== undefined) await drainInbound(sidecar)
  await Promise.all([
    application?.stop(applicationGraceMs),
    sidecar?.child.stop(sidecar.bootstrap.drainTimeoutMs + sidecarGraceMs),
  ])
}

async function drainInbound({ child, bootstrap }: LocalSidecar): Promise<void> {
  if (child.pid === undefined) return
  const { admin, drainTimeoutMs } = bootstrap
  const signal = AbortSignal.timeout(drainTimeoutMs)
  // One that does not answer is not waited for: it is told to end next.
  await fetch(`http://${admin.host}:${admin.port}/drain/inbound`, { method: 'POST', signal }).then(
    response => response.body?.cancel(),
    () => {},
  )
}
