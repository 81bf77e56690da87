import { spawn, type ChildProcess } from 'node:child_process'
import type { Now } from '../../base/clock.ts'
import { forEachLine } from '../../base/lines.ts'
import { signalGroup } from '../../base/process-group.ts'
import type { FunctionSpec } from '../../model/function.ts'
import { createFault, exitFault, type FunctionFault } from '../fault.ts'
import { LogTail } from '../function-log.ts'
import type { Execution, Invocation } from '../invocation.ts'
import { RuntimeSession } from './runtime-session.ts'

/** The Runtime API of one instance, on a loopback port of its own: by that a runtime is told from others. */
export interface RuntimeEndpoint {
  readonly port: number
  close(): void
}

export interface InstanceOptions {
  /** Unique in this sidecar. */
  readonly number: number
  readonly spec: FunctionSpec
  readonly open: (session: RuntimeSession) => Promise<RuntimeEndpoint>
  readonly environment: (endpoint: RuntimeEndpoint) => Promise<Record<string, string>>
  /** Told of the process groups to end should we be killed. */
  readonly guard: { add(group: number): void; remove(group: number): void }
  readonly onLine: (stream: 'stdout' | 'stderr', text: string) => void
  /** It has loaded its function. */
  readonly onReady: (instance: Instance) => void
  readonly onDone: (execution: Execution) => void
  /** It can take an event now. */
  readonly onRoom: (instance: Instance) => void
  /** It is no more. `fault`: its function could not be loaded. */
  readonly onEnd: (instance: Instance, fault: FunctionFault | undefined) => void
  readonly now: Now
  readonly wallNow: Now
}

/** From asking a runtime to end until it is made to, as AWS's own emulator has it. */
const graceMs = 2000
const lastWordsMs = 100

/** One process that runs a function's code, in a process group of its own, with the Runtime API that it talks to. */
export class Instance {
  readonly number: number
  readonly spec: FunctionSpec
  readonly session: RuntimeSession
  readonly startedAt: number
  /** What it has written since the last invocation began. */
  readonly tail = new LogTail()
  /** Takes no further events. */
  retired = false
  frozen = false
  /** Monotonic ms; Infinity until it is ready, and while it works. */
  idleSince = Number.POSITIVE_INFINITY
  readonly #options: InstanceOptions
  #endpoint: RuntimeEndpoint | undefined
  #child: ChildProcess | undefined
  #initTimer: NodeJS.Timeout | undefined
  #killTimer: NodeJS.Timeout | undefined
  #ended = false
  /** Nobody has asked it to end: if it does, something is wrong with it. */
  #wanted = true

  constructor(options: InstanceOptions) {
    const { spec, now, number } = options
    this.#options = options
    this.number = number
    this.spec = spec
    this.startedAt = now()
    this.session = new RuntimeSession(
      spec,
      {
        onReady: () => {
          clearTimeout(this.#initTimer)
          options.onReady(this)
        },
        onRoom: () => {
          if (this.session.active === 0) this.idleSince = options.now()
          options.onRoom(this)
        },
        onInitError: () => this.kill(),
        onDone: options.onDone,
        // The code may hang for ever; where others share the instance, they finish.
        onTimeout: () => {
          if (spec.concurrency === 1) this.kill()
        },
      },
      options,
    )
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get ready(): boolean {
    return this.session.ready && !this.#ended
  }

  get hasRoom(): boolean {
    return !this.retired && !this.#ended && this.session.hasRoom
  }

  async start(): Promise<void> {
    const { open, environment, spec, onLine } = this.#options
    try {
      this.#endpoint = await open(this.session)
      this.#spawn(await environment(this.#endpoint))
      this.#initTimer = setTimeout(() => this.#initTimedOut(), spec.initTimeoutMs)
    } catch (error) {
      // Where secrets lie is nothing that callers need to know.
      onLine('stderr', (error as Error).message)
      this.#failStart('its environment could not be made')
    }
  }

  /** Takes its processor away until it has something to do. Its parked question stands. */
  freeze(): void {
    if (this.pid === undefined || this.frozen || this.session.active > 0) return
    this.frozen = true
    signalGroup(this.pid, 'SIGSTOP')
  }

  dispatch(invocation: Invocation): Execution {
    this.#thaw()
    this.idleSince = Number.POSITIVE_INFINITY
    if (this.session.active === 0) this.tail.clear()
    return this.session.dispatch(invocation)
  }

  /** Asks it to end, and makes it after two seconds. */
  stop(): void {
    this.retired = true
    this.#wanted = false
    if (this.pid === undefined) return this.#finish(undefined)
    // What is frozen hears nothing.
    this.#thaw()
    signalGroup(this.pid, 'SIGTERM')
    this.#killTimer ??= setTimeout(() => this.kill(), graceMs)
  }

  kill(): void {
    this.retired = true
    if (this.pid === undefined) this.#finish(undefined)
    else signalGroup(this.pid, 'SIGKILL')
  }

  #thaw(): void {
    if (!this.frozen || this.pid === undefined) return
    this.frozen = false
    signalGroup(this.pid, 'SIGCONT')
  }

  #spawn(environment: Record<string, string>): void {
    // Ended while its environment was made.
    if (this.#ended) return
    const { spec, guard, onLine } = this.#options
    const [program = '', ...args] = spec.command
    const child = spawn(program, args, {
      cwd: spec.directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    const take = (stream: 'stdout' | 'stderr') => (text: string) => {
      this.tail.add(text)
      onLine(stream, text)
    }
    forEachLine(child.stdout, take('stdout'))
    forEachLine(child.stderr, take('stderr'))
    const { pid } = child
    if (pid === undefined) {
      child.once('error', ({ message }) =>
        this.#failStart(`cannot run ${program} in ${this.#options.spec.directory}: ${message}`),
      )
      return
    }
    child.on('error', () => {})
    guard.add(pid)
    child.once('exit', (code, signal) => {
      // What the function itself has started and left behind.
      signalGroup(pid, 'SIGKILL')
      guard.remove(pid)
      // Its last words are still in the pipes, which a process that left the group can hold open.
      const late = setTimeout(() => this.#exited(code, signal), lastWordsMs)
      child.once('close', () => {
        clearTimeout(late)
        this.#exited(code, signal)
      })
    })
  }

  #exited(code: number | null, signal: string | null): void {
    if (this.#wanted) this.session.failInit(exitFault('', code, signal))
    this.#finish(({ id }) => exitFault(id, code, signal))
  }

  #initTimedOut(): void {
    const seconds = (this.spec.initTimeoutMs / 1000).toFixed(2)
    const message = `RequestId:  Error: Init timed out after ${seconds} seconds`
    this.session.failInit(createFault('init', 'Sandbox.Timedout', message))
  }

  #failStart(message: string): void {
    this.session.failInit(createFault('init', 'Runtime.InvalidEntrypoint', message))
    this.#finish(undefined)
  }

  #finish(faultFor: ((invocation: Invocation) => FunctionFault) | undefined): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#initTimer)
    clearTimeout(this.#killTimer)
    this.#endpoint?.close()
    this.session.end(faultFor ?? (({ id }) => exitFault(id, null, 'SIGKILL')))
    this.#options.onEnd(this, this.session.initFault)
  }
}
