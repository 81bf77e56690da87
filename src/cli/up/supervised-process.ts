import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { backoff } from '../../base/backoff.ts'
import type { Now } from '../../base/clock.ts'
import { signalGroup } from '../../base/process-group.ts'
import { forEachLine } from '../../base/lines.ts'
import type { OrphanGuard } from '../../base/orphan-guard.ts'

export interface ProcessSpec {
  /** For people: `orders-v2 sidecar`. */
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Default: ours. */
  readonly directory?: string
  readonly onStdout: (line: string) => void
  readonly onStderr: (line: string) => void
}

export interface Supervision {
  readonly guard: Pick<OrphanGuard, 'add' | 'remove'>
  /** Told in one sentence of each death. */
  readonly report: (line: string) => void
  /** Told how it died, instead of starting it again. */
  readonly onDeath?: (how: string) => void
  readonly now: Now
  /** Wait before the first restart, doubled by each further one. Default 250. */
  readonly firstBackoffMs?: number
}

const maxBackoffMs = 10_000
/** Having lived so long, a process counts as sound: its next death waits for the first back-off only. */
const soundAfterMs = 10_000
const recentLines = 20
/** One of a kind on this machine: there is no fleet to spread. */
const noSpread = (): number => 1

/** A child that is started again when it dies, in a process group of its own. */
export class SupervisedProcess {
  readonly spec: ProcessSpec
  readonly #supervision: Supervision
  #child: ChildProcess | undefined
  #startedAt = 0
  #failures = 0
  #restart: NodeJS.Timeout | undefined
  #stopping = false
  readonly #recent: string[] = []

  constructor(spec: ProcessSpec, supervision: Supervision) {
    this.spec = spec
    this.#supervision = supervision
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Deaths in a row. */
  get failures(): number {
    return this.#failures
  }

  /** Its last lines, both of output and errors. */
  get recentOutput(): readonly string[] {
    return this.#recent
  }

  /** Does nothing once {@link stop} or {@link kill} was called. */
  start(): void {
    if (this.#stopping) return
    const { spec } = this
    const child = spawn(spec.command, [...spec.arguments], {
      env: { ...spec.environment },
      cwd: spec.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches the whole foreground group: in their own groups the children end in our order instead.
      detached: true,
    })
    this.#child = child
    this.#startedAt = this.#supervision.now()
    forEachLine(child.stdout, line => this.#take(line, spec.onStdout))
    forEachLine(child.stderr, line => this.#take(line, spec.onStderr))
    const { pid } = child
    if (pid === undefined) {
      child.once('error', error => this.#died(error.message))
      return
    }
    this.#supervision.guard.add(pid)
    child.on('error', error => this.#supervision.report(`${spec.name}: ${error.message}`))
    child.once('exit', (code, signal) => {
      // What the application itself has started and left behind.
      signalGroup(pid, 'SIGKILL')
      this.#supervision.guard.remove(pid)
      this.#died(signal === null ? `exited with code ${code}` : `was ended by ${signal}`)
    })
  }

  /** Asks it to end, and makes it after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    const child = this.#child
    if (child?.pid === undefined) return
    const exited = once(child, 'exit')
    signalGroup(child.pid, 'SIGTERM')
    const late = setTimeout(() => this.kill(), graceMs)
    await exited
    clearTimeout(late)
  }

  /** Ends it at once; a pending {@link stop} then finishes. */
  kill(): void {
    this.#stopping = true
    clearTimeout(this.#restart)
    if (this.pid !== undefined) signalGroup(this.pid, 'SIGKILL')
  }

  #take(line: string, onLine: (line: string) => void): void {
    this.#recent.push(line)
    if (this.#recent.length > recentLines) this.#recent.shift()
    onLine(line)
  }

  #died(how: string): void {
    this.#child = undefined
    if (this.#stopping) return
    const { now, report, onDeath, firstBackoffMs = 250 } = this.#supervision
    if (onDeath !== undefined) return onDeath(how)
    this.#failures = now() - this.#startedAt >= soundAfterMs ? 1 : this.#failures + 1
    const bounds = { baseMs: firstBackoffMs, maxMs: maxBackoffMs }
    const waitMs = backoff(this.#failures, bounds, noSpread)
    report(`${this.spec.name} ${how}; starts again in ${waitMs / 1000} s`)
    this.#restart = setTimeout(() => this.start(), waitMs)
  }
}
