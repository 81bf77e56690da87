import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, ContainerStatus } from '../cluster/objects.ts'
import { perform, type ActionTarget } from './action.ts'
import { ContainerProcess, type Exit, type ProcessOptions } from './process.ts'
import { watchProbe } from './prober.ts'

/** The kubelet begins with 10 s and ends with 5 min; nobody here has that much time. */
const backoffMs = { first: 500, most: 5_000 }
/** Even a container whose time is over gets this long after SIGTERM. */
const leastGraceMs = 2_000

export interface ContainerContext {
  readonly address: string
  /** Whether one that exited so starts again. */
  restarts(exit: Exit): boolean
  /** @throws while something that it needs is missing; asked again then. */
  prepare(): Promise<ProcessOptions>
  /** A state to be published, or a moment worth noting. */
  onEvent(what: string): void
}

type State =
  | { readonly waiting: { readonly reason: string; readonly message?: string } }
  | { readonly running: { readonly startedAt: string } }
  | { readonly terminated: Terminated }

interface Terminated {
  readonly exitCode: number
  readonly signal?: number
  readonly reason: string
  readonly startedAt: string
  readonly finishedAt: string
}

/** One container of a pod, through all its starts. */
export class ManagedContainer {
  readonly spec: Container
  /** Resolves when it has ended for good. */
  readonly done: Promise<void>
  /** Its last exit. */
  exit: Exit | undefined
  started = false
  ready = false
  readonly #context: ContainerContext
  readonly #stopping = new AbortController()
  readonly #launched = Promise.withResolvers<void>()
  readonly #startedOnce = Promise.withResolvers<void>()
  #state: State = { waiting: { reason: 'ContainerCreating' } }
  #lastState: State | undefined
  #restarts = 0
  #process: ContainerProcess | undefined

  constructor(spec: Container, context: ContainerContext) {
    this.spec = spec
    this.#context = context
    this.done = this.#run()
  }

  /** Its process runs and its postStart hook is over: the next one may be started. */
  get launched(): Promise<void> {
    return Promise.race([this.#launched.promise, this.done])
  }

  /** Its startup probe has succeeded: the pod's next init container may start. */
  get startedOnce(): Promise<void> {
    return Promise.race([this.#startedOnce.promise, this.done])
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  get status(): ContainerStatus {
    const { name, image } = this.spec
    return {
      name,
      image,
      imageID: image,
      ready: this.ready,
      started: this.started,
      restartCount: this.#restarts,
      state: this.#state,
      lastState: this.#lastState ?? {},
    }
  }

  /**
   * preStop at once, SIGTERM when `turn` has come, SIGKILL when the time is over: the order of the kubelet's
   * killContainer (pkg/kubelet/kuberuntime/kuberuntime_container.go).
   */
  async stop(graceMs: number, turn: Promise<unknown>): Promise<void> {
    const end = performance.now() + graceMs
    const left = (): number => Math.max(0, Math.ceil(end - performance.now()))
    this.#stopping.abort()
    const { preStop } = this.spec.lifecycle ?? {}
    if (preStop && this.#process && graceMs > 0 && 'running' in this.#state) {
      const failure = await perform(preStop, this.#target(this.#process), left())
      this.#context.onEvent(`preStop ${failure ?? 'done'}`)
    }
    await Promise.race([turn, sleep(left(), undefined, { ref: false })])
    if (this.#process) this.#context.onEvent('SIGTERM')
    this.#process?.signal('SIGTERM')
    const late = setTimeout(() => this.kill(), Math.max(left(), leastGraceMs))
    await this.done
    clearTimeout(late)
  }

  kill(): void {
    this.#context.onEvent('SIGKILL')
    this.#process?.signal('SIGKILL')
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    for (
      let backoff = backoffMs.first;
      !signal.aborted;
      backoff = Math.min(backoff * 2, backoffMs.most)
    ) {
      const options = await this.#prepare()
      if (options === undefined) return
      this.exit = await this.#live(new ContainerProcess(options))
      if (signal.aborted || !this.#context.restarts(this.exit)) return
      this.#lastState = this.#state
      this.#state = { waiting: { reason: 'CrashLoopBackOff' } }
      this.#context.onEvent('waits to be restarted')
      await sleep(backoff, undefined, { signal }).catch(() => {})
      this.#restarts++
    }
  }

  /** Waits for what it needs. @returns undefined when it is to stop instead. */
  async #prepare(): Promise<ProcessOptions | undefined> {
    const { signal } = this.#stopping
    while (!signal.aborted)
      try {
        return await this.#context.prepare()
      } catch (error) {
        const { message } = error as Error
        this.#state = { waiting: { reason: 'CreateContainerConfigError', message } }
        this.#context.onEvent(message)
        await sleep(500, undefined, { signal }).catch(() => {})
      }
    return undefined
  }

  async #live(running: ContainerProcess): Promise<Exit> {
    const startedAt = timestamp()
    this.#process = running
    this.#state = { running: { startedAt } }
    this.#context.onEvent('runs')
    const probes = new AbortController()
    const watched = this.#watch(running, probes.signal)
    const exit = await running.exited
    probes.abort()
    await watched
    this.started = false
    this.ready = false
    this.#process = undefined
    this.#state = { terminated: terminated(exit, startedAt) }
    this.#context.onEvent(`exited with ${exit.code}`)
    return exit
  }

  async #watch(running: ContainerProcess, signal: AbortSignal): Promise<void> {
    const { lifecycle = {}, startupProbe } = this.spec
    const target = this.#target(running)
    if (lifecycle.postStart) {
      const failure = await perform(lifecycle.postStart, target, 600_000)
      if (failure !== undefined) {
        this.#context.onEvent(`postStart failed: ${failure}`)
        running.signal('SIGKILL')
        return
      }
    }
    if (signal.aborted) return
    this.#launched.resolve()
    if (startupProbe && !(await this.#startup(running, signal))) return
    this.started = true
    this.ready = this.spec.readinessProbe === undefined
    this.#context.onEvent('started')
    this.#startedOnce.resolve()
    await Promise.all([this.#watchLiveness(running, signal), this.#watchReadiness(target, signal)])
  }

  async #startup(running: ContainerProcess, signal: AbortSignal): Promise<boolean> {
    const { startupProbe } = this.spec
    const over = new AbortController()
    let succeeded = false
    const onResult = (success: boolean, message: string): void => {
      succeeded = success
      over.abort()
      if (!success) this.#unhealthy(running, `startup probe: ${message}`)
    }
    if (startupProbe === undefined) return true
    const both = AbortSignal.any([signal, this.#stopping.signal, over.signal])
    await watchProbe(startupProbe, this.#target(running), { initial: false, onResult }, both)
    return succeeded
  }

  async #watchLiveness(running: ContainerProcess, signal: AbortSignal): Promise<void> {
    const { livenessProbe } = this.spec
    if (livenessProbe === undefined) return
    const onResult = (success: boolean, message: string): void => {
      if (!success) this.#unhealthy(running, `liveness probe: ${message}`)
    }
    // It is over when the container is to end; readiness goes on.
    const both = AbortSignal.any([signal, this.#stopping.signal])
    await watchProbe(livenessProbe, this.#target(running), { initial: true, onResult }, both)
  }

  async #watchReadiness(target: ActionTarget, signal: AbortSignal): Promise<void> {
    const { readinessProbe } = this.spec
    if (readinessProbe === undefined) return
    const onResult = (success: boolean, message: string): void => {
      if (this.ready === success) return
      this.ready = success
      this.#context.onEvent(success ? 'ready' : `not ready: ${message}`)
    }
    await watchProbe(readinessProbe, target, { initial: false, onResult }, signal)
  }

  #unhealthy(running: ContainerProcess, reason: string): void {
    this.#context.onEvent(`is ended: ${reason}`)
    running.signal('SIGTERM')
    setTimeout(() => running.signal('SIGKILL'), 30_000).unref()
  }

  #target(running: ContainerProcess): ActionTarget {
    return { container: this.spec, address: this.#context.address, process: running }
  }
}

function terminated(exit: Exit, startedAt: string): Terminated {
  const reason = exit.code === 0 ? 'Completed' : 'Error'
  const signal = exit.signal === undefined ? {} : { signal: exit.signal }
  return { exitCode: exit.code, ...signal, reason, startedAt, finishedAt: timestamp() }
}

/** As the API's metav1.Time: without parts of a second. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`
}
