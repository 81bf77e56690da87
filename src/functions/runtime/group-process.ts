import { spawn, type ChildProcess } from 'node:child_process'
import type { Writable } from 'node:stream'
import { forEachLine } from '../../base/lines.ts'
import { signalGroup } from '../../base/process-group.ts'
import type { SandboxEvents } from './sandbox.ts'

/** Told of the process groups to end should we be killed. */
export interface ProcessGuard {
  add(group: number): void
  remove(group: number): void
}

export interface GroupProcessOptions {
  /** Program and arguments. What it throws is told as a failure. */
  readonly command: () => readonly string[]
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly stdin: 'ignore' | 'pipe'
  readonly guard: ProcessGuard
  readonly events: SandboxEvents
}

/** For what an ended process has left in its pipes, which one that left its group can hold open. */
const lastWordsMs = 100

/** A process that leads a group of its own; the group ends with it, and with us. */
export class GroupProcess {
  readonly #options: GroupProcessOptions
  readonly #child: ChildProcess | undefined
  #alive = false

  constructor(options: GroupProcessOptions) {
    this.#options = options
    const { command, directory, environment, stdin, guard } = options
    try {
      const [program = '', ...args] = command()
      this.#child = spawn(program, args, {
        cwd: directory,
        env: environment,
        stdio: [stdin, 'pipe', 'pipe'],
        detached: true,
      })
    } catch (error) {
      // Node takes for our mistake what is the function's: a NUL in a variable, too much of an environment.
      queueMicrotask(() => this.#fail(error as Error))
      return
    }
    const { pid } = this.#child
    if (pid === undefined) {
      this.#child.once('error', error => this.#fail(error))
      return
    }
    this.#alive = true
    guard.add(pid)
    this.#follow(this.#child, pid)
  }

  /** Undefined once it has ended: its number may be another's. */
  get pid(): number | undefined {
    return this.#alive ? this.#child?.pid : undefined
  }

  get stdin(): Writable | undefined {
    return this.#child?.stdin ?? undefined
  }

  /** To the whole group. @returns whether there is one. */
  signal(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false
    signalGroup(this.pid, signal)
    return true
  }

  #follow(child: ChildProcess, pid: number): void {
    const { guard, events } = this.#options
    if (child.stdout !== null) forEachLine(child.stdout, text => events.onLine('stdout', text))
    if (child.stderr !== null) forEachLine(child.stderr, text => events.onLine('stderr', text))
    child.on('error', () => {})
    // It may end before it has read.
    child.stdin?.on('error', () => {})
    child.once('exit', (code, signal) => {
      // What it has itself started and left behind.
      signalGroup(pid, 'SIGKILL')
      this.#alive = false
      guard.remove(pid)
      let told = false
      const tell = (): void => {
        clearTimeout(late)
        if (!told) events.onExit(code, signal)
        told = true
      }
      const late = setTimeout(() => {
        // Whoever holds them has left: it is heard no more, and costs us no descriptors.
        child.stdout?.destroy()
        child.stderr?.destroy()
        tell()
      }, lastWordsMs)
      child.once('close', tell)
    })
  }

  #fail({ message }: Error): void {
    const { directory, events } = this.#options
    const program = this.#child === undefined ? 'it' : this.#child.spawnfile
    events.onFailure(`cannot run ${program} in ${directory}: ${message}`)
  }
}
