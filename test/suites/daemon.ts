import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'

const graceMs = 10_000

/** A program that a suite starts, with its log in a file. Can be started again after its end. */
export class Daemon implements AsyncDisposable {
  readonly #command: readonly string[]
  readonly #log: string
  #child: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()

  constructor(command: readonly string[], log: string) {
    this.#command = command
    this.#log = log
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && !this.#child.signalCode
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  start(): void {
    const [program = '', ...options] = this.#command
    const log = openSync(this.#log, 'a')
    // Out of the terminal's group: Ctrl-C is for the suite, which ends them in order.
    this.#child = spawn(program, options, { stdio: ['ignore', log, log], detached: true })
    closeSync(log)
    this.#exited = once(this.#child, 'exit')
  }

  /** As a machine that fails would. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#exited
  }

  /** Its last lines, for whom it leaves waiting. */
  lastWords(lines = 12): string {
    return readFileSync(this.#log, 'utf8').trim().split('\n').slice(-lines).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) return
    this.#child?.kill('SIGTERM')
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs)
    await this.#exited
    clearTimeout(late)
  }
}
