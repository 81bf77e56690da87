import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { killChildren } from '../../../base/process-group.ts'
import type { FunctionSpec } from '../../../model/function/function.ts'
import { GroupProcess, type ProcessGuard } from '../group-process.ts'
import { containerEnvironment, go, ociConfig, stay, taskRoot } from './oci-bundle.ts'
import { OciCgroup } from './oci-cgroup.ts'
import { ociError, type Bundle, type OciRuntime } from './oci-runtime.ts'
import { programOf } from '../runtime-command.ts'
import type { Driver, Sandbox, SandboxEvents } from '../sandbox.ts'

export interface OciDriverOptions {
  readonly runtime: OciRuntime
  readonly guard: ProcessGuard
  readonly environment: Readonly<Record<string, string>>
}

/** By which names of hosts are found, where the image has a place for them. */
const resolverFiles = ['/etc/resolv.conf', '/etc/hosts']

/** Runs functions in containers on this machine. Needs root, and an image: the directory of a root file system. */
export class OciDriver implements Driver {
  readonly preparesAhead = true
  readonly #options: OciDriverOptions

  constructor(options: OciDriverOptions) {
    this.#options = options
  }

  create(
    spec: FunctionSpec,
    environment: Readonly<Record<string, string>>,
    events: SandboxEvents,
  ): Sandbox {
    return new OciSandbox(this.#options, { spec, environment, events })
  }

  expect(): void {}

  close(): Promise<void> {
    return this.#options.runtime.close()
  }
}

/** A container that begins just now can't be killed yet. */
const killAttempts = 20
const killPauseMs = 50

interface Contents {
  readonly spec: FunctionSpec
  readonly environment: Readonly<Record<string, string>>
  readonly events: SandboxEvents
}

/**
 * A container, made at once but for its program, which waits at a gate. The program that makes it stays its parent,
 * passes signals on, and ends as it ended.
 */
class OciSandbox implements Sandbox {
  readonly owned = true
  readonly #options: OciDriverOptions
  readonly #contents: Contents
  #bundle: Bundle | undefined
  #cgroup: OciCgroup | undefined
  #process: GroupProcess | undefined
  #started = false
  #killed = false
  #over = false

  constructor(options: OciDriverOptions, contents: Contents) {
    this.#options = options
    this.#contents = contents
    void this.#create()
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  start(): void {
    this.#started = true
    this.#open()
  }

  freeze(): boolean {
    return this.#cgroup?.freeze() ?? false
  }

  thaw(): void {
    this.#cgroup?.thaw()
  }

  terminate(): void {
    if (!this.#started) return this.kill()
    this.#process?.signal('SIGTERM')
    this.thaw()
  }

  kill(): void {
    if (this.#killed) return
    this.#killed = true
    this.thaw()
    if (this.#process !== undefined && this.#bundle !== undefined) void this.#kill(this.#bundle)
  }

  async #kill({ id }: Bundle): Promise<void> {
    const { runtime } = this.#options
    // What waits at the gate goes home, and leaves nothing behind.
    if (!this.#started) return this.#say(stay)
    for (let i = 0; i < killAttempts && !this.#over; i++) {
      if (await runtime.kill(id)) return
      await setTimeout(killPauseMs)
    }
    if (this.pid !== undefined) killChildren(this.pid)
    this.#process?.signal('SIGKILL')
  }

  async #create(): Promise<void> {
    const { runtime, guard, environment } = this.#options
    try {
      const bundle = await runtime.createBundle()
      this.#bundle = bundle
      await writeFile(join(bundle.directory, 'config.json'), this.#config(bundle), { mode: 0o600 })
      if (this.#killed) return this.#end(() => this.#contents.events.onExit(null, 'SIGKILL'))
      this.#cgroup = new OciCgroup(bundle.id)
      this.#process = new GroupProcess({
        command: () => runtime.runCommand(bundle),
        directory: bundle.directory,
        environment,
        stdin: 'ignore',
        guard,
        events: {
          onLine: (stream, text) => this.#contents.events.onLine(stream, text),
          onExit: (code, signal) => void this.#exited(code, signal),
          onFailure: message => this.#fail(ociError(runtime.program, { message })),
        },
      })
      this.#open()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  /** @throws Error that says what is wrong with the function. */
  #config({ id, gatePath: gate }: Bundle): string {
    const { spec, environment } = this.#contents
    if (spec.image === undefined) throw new Error('give the function an image')
    const image = resolve(spec.image)
    if (image === '/') throw new Error('the root of this machine is no image: give a copy')
    const config = ociConfig({
      id,
      gate,
      image,
      command: programOf(spec, taskRoot),
      directory: resolve(spec.directory),
      environment: containerEnvironment(environment, spec.environment),
      memoryMib: spec.memoryMib,
      hostFiles: resolverFiles.filter(file => existsSync(file) && existsSync(join(image, file))),
    })
    return JSON.stringify(config)
  }

  #open(): void {
    if (this.#started && this.#process !== undefined && !this.#over) this.#say(go)
  }

  /** To whoever is at the gate, or will come. Both its ends are ours too, so that this does not fail. */
  #say(word: string): void {
    void this.#bundle?.gate.write(`${word}\n`).catch(() => {})
  }

  async #exited(code: number | null, signal: string | null): Promise<void> {
    const { events } = this.#contents
    const complaint = code === 0 ? undefined : await this.#complaint()
    if (complaint !== undefined && !this.#killed) return this.#fail(complaint)
    const ended = signal ?? (this.#killed ? 'SIGKILL' : signalOf(code))
    const outOfMemory = ended === 'SIGKILL' && this.#cgroup?.ranOutOfMemory === true
    this.#end(() => {
      if (ended === undefined) events.onExit(code, null)
      else events.onExit(null, outOfMemory ? 'killed' : ended)
    })
  }

  /** Why the container could not be made; undefined: it was, and its program has ended. */
  async #complaint(): Promise<Error | undefined> {
    const { runtime } = this.#options
    if (this.#bundle === undefined) return undefined
    try {
      const log = await readFile(runtime.logPath(this.#bundle.directory), 'utf8')
      const errors = log.split('\n').filter(line => line.includes('"level":"error"'))
      const last = errors.at(-1)
      if (last === undefined) return undefined
      return ociError(runtime.program, { message: String(JSON.parse(last).msg) })
    } catch {
      // No log: nothing was wrong.
      return undefined
    }
  }

  #fail({ message }: Error): void {
    const { spec, events } = this.#contents
    this.#end(() => events.onFailure(`cannot run ${spec.name} in a container: ${message}`))
  }

  #end(tell: () => void): void {
    if (this.#over) return
    this.#over = true
    tell()
    if (this.#bundle === undefined) return
    void this.#bundle.gate.close().catch(() => {})
    void this.#options.runtime.remove(this.#bundle.id)
  }
}

/** Shells, and what makes containers, tell of a signal by a status over 128. */
function signalOf(code: number | null): string | undefined {
  if (code === null || code <= 128) return undefined
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0]
}
