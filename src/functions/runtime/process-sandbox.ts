import type { FunctionSpec } from '../../model/function/function.ts'
import { GroupProcess, type ProcessGuard } from './group-process.ts'
import { programOf } from './runtime-command.ts'
import type { Driver, Sandbox, SandboxEvents } from './sandbox.ts'

/** Runs functions as processes of this machine. */
export class ProcessDriver implements Driver {
  readonly preparesAhead = false
  readonly #guard: ProcessGuard

  constructor(guard: ProcessGuard) {
    this.#guard = guard
  }

  create(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): Sandbox {
    return new ProcessSandbox(() => this.begin(spec, environment, events))
  }

  /** Never throws: what fails is told by `events`, after this call. */
  begin(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): GroupProcess {
    return new GroupProcess({
      command: () => programOf(spec),
      directory: spec.directory,
      environment,
      events,
      guard: this.#guard,
      stdin: 'ignore',
    })
  }

  expect(): void {}

  async close(): Promise<void> {}
}

/** Frozen by SIGSTOP and not by a cgroup, which thaws no faster, and needs rights that few sidecars have. */
export class ProcessSandbox implements Sandbox {
  readonly owned = true
  readonly #begin: () => GroupProcess
  #process: GroupProcess | undefined

  /** @param begin gives the process that runs the code. */
  constructor(begin: () => GroupProcess) {
    this.#begin = begin
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  start(): void {
    this.#process = this.#begin()
  }

  freeze(): boolean {
    return this.#process?.signal('SIGSTOP') ?? false
  }

  thaw(): void {
    this.#process?.signal('SIGCONT')
  }

  terminate(): void {
    this.#process?.signal('SIGTERM')
    this.thaw()
  }

  kill(): void {
    this.#process?.signal('SIGKILL')
  }
}
