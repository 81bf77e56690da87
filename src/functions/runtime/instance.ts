import type { Now } from '../../base/clock.ts'
import type { FunctionSpec } from '../../model/function/function.ts'
import { createFault, exitFault, type FunctionFault } from '../fault.ts'
import { LogTail } from '../function-log.ts'
import type { Execution, Invocation } from '../invocation.ts'
import { RuntimeSession } from './runtime-session.ts'
import type { Driver, Sandbox } from './sandbox.ts'

/** The Runtime API of one instance, on a loopback port of its own: by that a runtime is told from others. */
export interface RuntimeEndpoint {
  readonly port: number
  close(): void
}

export interface InstanceOptions {
  /** Unique in this sidecar. */
  readonly number: number
  readonly spec: FunctionSpec
  /** `port`: where the runtime looks for it, if that is given. */
  readonly open: (session: RuntimeSession, port: number | undefined) => Promise<RuntimeEndpoint>
  readonly environment: (endpoint: RuntimeEndpoint) => Promise<Record<string, string>>
  readonly driver: Driver
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

/** A sandbox that runs a function's code, with the Runtime API that the code talks to. */
export class Instance {
  readonly number: number
  readonly spec: FunctionSpec
  readonly session: RuntimeSession
  /** Monotonic ms. */
  startedAt: number
  /** What it has written since the last invocation began. */
  readonly tail = new LogTail()
  /** Takes no further events. */
  retired = false
  frozen = false
  /** Monotonic ms; Infinity until it is ready, and while it works. */
  idleSince = Number.POSITIVE_INFINITY
  readonly #options: InstanceOptions
  #endpoint: RuntimeEndpoint | undefined
  #sandbox: Sandbox | undefined
  #prepared: Promise<void> | undefined
  #started = false
  #initTimer: NodeJS.Timeout | undefined
  #killTimer: NodeJS.Timeout | undefined
  #ended = false
  /** Nobody has asked it to end: if it does, something is wrong with it. */
  #wanted = true

  constructor(options: InstanceOptions) {
    const { spec, now, number, driver } = options
    this.#options = options
    this.number = number
    this.spec = spec
    this.startedAt = now()
    this.session = new RuntimeSession(
      {
        concurrency: spec.concurrency,
        timeoutMs: spec.timeoutMs,
        outlivesRuntime: driver.runtimeApiPort !== undefined,
      },
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
          if (spec.concurrency === 1 && this.#running) this.kill()
        },
        onSilence: () => {
          if (this.#running) this.kill()
        },
      },
      options,
    )
  }

  get pid(): number | undefined {
    return this.#sandbox?.pid
  }

  get ready(): boolean {
    return this.session.ready && !this.#ended
  }

  get hasRoom(): boolean {
    return !this.retired && !this.#ended && this.session.hasRoom
  }

  /** Makes everything ready for {@link start}, which then takes less time. */
  prepare(): Promise<void> {
    return (this.#prepared ??= this.#prepare())
  }

  async start(): Promise<void> {
    this.startedAt = this.#options.now()
    await this.prepare()
    // Ended while its environment was made.
    if (this.#ended || this.#sandbox === undefined) return
    this.#started = true
    this.#sandbox.start()
    // Who comes when it likes is not late.
    if (this.#sandbox.owned)
      this.#initTimer = setTimeout(() => this.#initTimedOut(), this.spec.initTimeoutMs)
  }

  /** Takes its processor away until it has something to do. Its parked question stands; without one it would hang. */
  freeze(): void {
    if (this.frozen || !this.hasRoom || this.session.active > 0) return
    this.frozen = this.#sandbox?.freeze() ?? false
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
    if (!this.#running) return this.kill()
    this.frozen = false
    this.#sandbox?.terminate()
    this.#killTimer ??= setTimeout(() => this.kill(), graceMs)
  }

  kill(): void {
    this.retired = true
    this.#sandbox?.kill()
    // Nobody will tell of its end.
    if (!this.#running) this.#finish(undefined)
  }

  get #running(): boolean {
    return this.#started && this.#sandbox?.owned === true
  }

  #thaw(): void {
    if (!this.frozen) return
    this.frozen = false
    this.#sandbox?.thaw()
  }

  async #prepare(): Promise<void> {
    const { open, environment, driver, spec, onLine } = this.#options
    try {
      const endpoint = await open(this.session, driver.runtimeApiPort)
      this.#endpoint = endpoint
      if (this.#ended) return endpoint.close()
      const variables = await environment(endpoint)
      if (this.#ended) return
      this.#sandbox = driver.create(spec, variables, {
        onLine: (stream, text) => {
          this.tail.add(text)
          onLine(stream, text)
        },
        onExit: (code, signal) => this.#exited(code, signal),
        onFailure: message => this.#failStart(message),
      })
    } catch (error) {
      // Where secrets lie is nothing that callers need to know.
      onLine('stderr', (error as Error).message)
      this.#failStart('its environment could not be made')
    }
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
