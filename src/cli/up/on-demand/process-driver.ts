import type { Now } from '../../../base/clock.ts'
import type { OrphanGuard } from '../../../base/orphan-guard.ts'
import type { ScaledFunction, WorkloadDriver } from '../../../control/scaling/workload-driver.ts'
import { qualify } from '../../../model/qualified-name.ts'
import { sidecarGraceMs, sidecarProcess } from '../sidecar-process.ts'
import type { SidecarPlan } from '../plan.ts'
import { SupervisedProcess } from '../supervised-process.ts'
import type { RelayedLine } from './relayed-line.ts'

export interface ProcessDriverOptions {
  /** By `<name>.<namespace>` of the function. */
  readonly sidecars: Readonly<Record<string, OnDemandSidecar>>
  /** Our own `main.ts`. */
  readonly main: string
  readonly guard: Pick<OrphanGuard, 'add' | 'remove' | 'close'>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Makes the files that it needs to be let in. */
  readonly prepare: (sidecar: SidecarPlan) => Promise<void>
  readonly relay: (line: RelayedLine) => void
  readonly now: Now
}

export interface OnDemandSidecar extends SidecarPlan {
  /** Of its workload, as `weft up` shows it. */
  readonly name: string
}

/** Sidecars of functions as child processes, one for each function: what `weft up` has for a cluster. */
export class ProcessDriver implements WorkloadDriver {
  readonly instancesPerHost = Number.POSITIVE_INFINITY
  readonly #options: ProcessDriverOptions
  readonly #children = new Map<string, SupervisedProcess>()
  #onLost: (name: string, why: string) => void = () => {}

  constructor(options: ProcessDriverOptions) {
    this.#options = options
  }

  async ensure(fn: ScaledFunction, hosts: number, signal: AbortSignal): Promise<void> {
    const name = qualify(fn)
    const sidecar = this.#options.sidecars[name]
    if (sidecar === undefined && hosts === 0) return
    if (sidecar === undefined)
      throw new Error(`${name} is new: start \`weft up\` again to have it run`)
    if (hosts === 0) return this.#stop(name, sidecar)
    if (this.#children.get(name)?.pid !== undefined) return
    await this.#options.prepare(sidecar)
    signal.throwIfAborted()
    this.#start(name, sidecar)
  }

  async current(fn: ScaledFunction): Promise<number> {
    return this.#children.get(qualify(fn))?.pid === undefined ? 0 : 1
  }

  watch(onLost: (name: string, why: string) => void): void {
    this.#onLost = onLost
  }

  async close(): Promise<void> {
    this.#onLost = () => {}
    const { sidecars } = this.#options
    await Promise.all(Object.entries(sidecars).map(([name, sidecar]) => this.#stop(name, sidecar)))
    await this.#options.guard.close()
  }

  #start(name: string, sidecar: OnDemandSidecar): void {
    const { guard, main, environment, relay, now } = this.#options
    const child = new SupervisedProcess(
      {
        ...sidecarProcess(main, sidecar),
        name: `${sidecar.name} sidecar`,
        environment: { ...environment, ...sidecarProcess(main, sidecar).environment },
        onStdout: line => relay({ workload: sidecar.name, stream: 'stdout', line }),
        onStderr: line => relay({ workload: sidecar.name, stream: 'stderr', line }),
      },
      { guard, now, report: () => {}, onDeath: how => this.#died(name, child, how) },
    )
    this.#children.set(name, child)
    child.start()
  }

  /** The scaler decides whether there is to be another. */
  #died(name: string, child: SupervisedProcess, how: string): void {
    if (this.#children.get(name) === child) this.#children.delete(name)
    const last = child.recentOutput.at(-1)
    this.#onLost(name, `${child.spec.name} ${how}${last === undefined ? '' : `; it said: ${last}`}`)
  }

  /** It takes itself out of the mesh and finishes what it has, in bounded time. */
  async #stop(name: string, { bootstrap }: OnDemandSidecar): Promise<void> {
    const child = this.#children.get(name)
    await child?.stop(bootstrap.drainTimeoutMs + sidecarGraceMs)
    if (this.#children.get(name) === child) this.#children.delete(name)
  }
}
