import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { functionRegion, latestVersion, type FunctionSpec } from '../model/function/function.ts'
import { functionEnvironment } from './runtime/environment.ts'
import { createFault, timeoutFault, type FunctionFault } from './fault.ts'
import type { FunctionLog } from './function-log.ts'
import type { ProcessGuard } from './runtime/group-process.ts'
import { HttpRuntime } from './runtime/http-runtime.ts'
import { Instance, type RuntimeEndpoint } from './runtime/instance.ts'
import { InstanceSource } from './runtime/instance-source.ts'
import type { OnEnd } from './runtime/instances-ahead.ts'
import { ProcessDriver } from './runtime/process-sandbox.ts'
import type { Driver } from './runtime/sandbox.ts'
import type { Execution, Invocation, Invoked, Invoker } from './invocation.ts'
import { InstanceScaler, type Census } from './scaling/instance-scaler.ts'
import { PendingQueue } from './pending-queue.ts'
import type { RuntimeSession } from './runtime/runtime-session.ts'

export interface FunctionHostOptions {
  /** `port`: where it must listen. Default: on any. */
  readonly openRuntimeApi: (
    session: RuntimeSession,
    port: number | undefined,
  ) => Promise<RuntimeEndpoint>
  readonly guard: ProcessGuard
  /** What runs a function's instances. Default: processes of this machine. */
  readonly driverFor?: (spec: FunctionSpec) => Driver
  readonly logger: Logger
  /** Of all versions together. */
  readonly log: FunctionLog
  /** Numbers instances, uniquely in this sidecar. */
  readonly nextNumber: () => number
  /** Base URL of the Invoke API that functions call others by. */
  readonly invokeUrl: () => string
  /** Our environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Instances that start at once; more would only slow each other down. */
  readonly maxStarting: number
  readonly now: Now
  readonly wallNow: Now
}

const queueLimits = { maxCount: 1024, maxBytes: 64 * 1024 * 1024 }
const sweepMs = 1000
/** As long as clients of AWS Lambda wait for an answer unless told otherwise. */
const longestWaitMs = 60_000
/** An instance that has been idle for so long is frozen, where its function wants that. */
const freezeAfterMs = 1000
/** Waited for a failing start before the next is tried, doubled by each further failure. */
const firstRestMs = 100
const longestRestMs = 10_000

const noRoomInTime = createFault(
  'throttled',
  'TooManyRequestsException',
  'all instances were busy for a minute',
)

class Ticket implements Invoked {
  execution: Execution | undefined
  instance: Instance | undefined
  readonly #cancel: () => void

  constructor(cancel: () => void) {
    this.#cancel = cancel
  }

  get logTail(): Buffer | undefined {
    return this.instance?.tail.bytes
  }

  cancel(): void {
    this.#cancel()
  }
}

/**
 * One version of a function on this machine: its instances, and what waits for them. Starts instances as its scaler
 * says, ends those that are idle for too long, replaces those that break.
 */
export class FunctionHost implements Invoker {
  /** Since the start: instances begun, those that could not load the function, invocations turned away. */
  readonly counters = { coldStarts: 0, failedStarts: 0, throttled: 0, invocations: 0, faults: 0 }
  readonly #options: FunctionHostOptions
  readonly #source: InstanceSource
  readonly #instances = new Set<Instance>()
  readonly #queue = new PendingQueue(queueLimits)
  readonly #tickets = new Map<string, Ticket>()
  readonly #scaler: InstanceScaler
  #active = 0
  readonly #sweeper: NodeJS.Timeout
  #spec: FunctionSpec | undefined
  #failures = 0
  #lastFault: FunctionFault | undefined
  /** No instance is started before, monotonic ms. */
  #restUntil = Number.NEGATIVE_INFINITY
  #nextLook: NodeJS.Timeout | undefined
  #closed = false
  #onEmpty: (() => void) | undefined
  readonly #onGone: (() => void)[] = []

  constructor(options: FunctionHostOptions) {
    this.#options = options
    this.#scaler = new InstanceScaler(options.now())
    const processes = new ProcessDriver(options.guard)
    this.#source = new InstanceSource({
      driverFor: options.driverFor ?? (() => processes),
      create: (spec, driver, onEnd) => this.#create(spec, driver, onEnd),
      onEnd: (ended, fault) => this.#onEnd(ended, fault),
      onTrouble: reason =>
        options.logger.warn(
          { function: this.#spec?.name, reason },
          'nothing can be kept ready for a function',
        ),
    })
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs)
    this.#sweeper.unref()
  }

  get spec(): FunctionSpec | undefined {
    return this.#spec
  }

  get instances(): readonly Instance[] {
    return [...this.#instances]
  }

  get queued(): number {
    return this.#queue.length
  }

  /** A changed function: instances of the old one finish what they do, and end. */
  apply(spec: FunctionSpec | undefined): void {
    const same = isSameCode(spec, this.#spec)
    this.#spec = withOwnInstances(spec)
    this.#source.apply(spec, same)
    if (same) return this.#scale()
    this.#failures = 0
    this.#restUntil = Number.NEGATIVE_INFINITY
    for (const instance of this.#instances) this.#retire(instance)
    this.#scale()
  }

  invoke(invocation: Invocation): Invoked {
    const ticket = new Ticket(() => this.#drop(invocation.id))
    this.counters.invocations++
    const instance = this.#idle()
    if (instance !== undefined) this.#dispatch(instance, invocation, ticket)
    else this.#enqueue(invocation, ticket)
    this.#measure()
    return ticket
  }

  /** Resolves when nothing is under way; takes nothing new from then on. */
  async drain(): Promise<void> {
    if (this.#working) await new Promise<void>(resolve => (this.#onEmpty = resolve))
    await this.close()
  }

  /** Ends all instances; resolves when they are gone. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweeper)
    clearTimeout(this.#nextLook)
    this.#failQueued(() => createFault('ended', 'Sandbox.Ended', 'the sidecar ends'))
    for (const instance of this.#instances) instance.stop()
    await this.#source.close()
    if (this.#instances.size > 0) await new Promise<void>(resolve => this.#onGone.push(resolve))
  }

  get #working(): boolean {
    return this.#queue.length > 0 || this.#active > 0
  }

  /** The one that worked last: the others grow old enough to be ended. */
  #idle(): Instance | undefined {
    let best: Instance | undefined
    for (const instance of this.#instances) {
      if (!instance.hasRoom) continue
      if (best === undefined || instance.idleSince > best.idleSince) best = instance
    }
    return best
  }

  #dispatch(instance: Instance, invocation: Invocation, ticket: Ticket): void {
    this.#active++
    ticket.instance = instance
    ticket.execution = instance.dispatch(invocation)
  }

  #enqueue(invocation: Invocation, ticket: Ticket): void {
    const fault = this.#refusal(invocation)
    if (fault === undefined) {
      this.#tickets.set(invocation.id, ticket)
      this.#scale()
      return
    }
    this.counters.throttled++
    setImmediate(() => invocation.receiver.onFault(fault))
  }

  /** Why an invocation can't wait; undefined when it does. */
  #refusal(invocation: Invocation): FunctionFault | undefined {
    const { now } = this.#options
    const at = now()
    if (this.#spec === undefined || this.#closed)
      return createFault('throttled', 'TooManyRequestsException', 'the function is not ready yet')
    // What could not start a moment ago will not start now: its callers need not wait to hear it again.
    if (this.#lastFault !== undefined && at < this.#restUntil && !this.#anyReady)
      return this.#lastFault
    if (at + this.#scaler.expectedWaitMs(this.#spec, this.#census()) > invocation.deadlineAt)
      return createFault(
        'throttled',
        'TooManyRequestsException',
        'the caller would not live to see it',
      )
    const expiresAt = Math.min(invocation.deadlineAt, at + longestWaitMs)
    return this.#queue.push({ invocation, since: at, expiresAt })
      ? undefined
      : createFault('throttled', 'TooManyRequestsException', 'too many invocations wait already')
  }

  get #anyReady(): boolean {
    return this.instances.some(({ ready, retired }) => ready && !retired)
  }

  #drop(id: string): void {
    this.#queue.remove(id)
    this.#tickets.delete(id)
    this.#measure()
    this.#settled()
  }

  /** Starts what is missing. */
  #scale(): void {
    const spec = this.#spec
    const census = this.#census()
    if (spec === undefined || this.#closed || census.now < this.#restUntil) return
    const missing = this.#scaler.missing(spec, census)
    const allowed = this.#options.maxStarting - census.starting
    for (let i = 0; i < Math.min(missing, allowed); i++) this.#start(spec)
    if (missing > 0 || this.#nextLook !== undefined) return
    const againMs = this.#scaler.lookAgainMs(census)
    if (againMs !== undefined)
      this.#nextLook = setTimeout(() => {
        this.#nextLook = undefined
        this.#scale()
      }, againMs)
  }

  #census(): Census {
    const current = this.instances.filter(({ retired }) => !retired)
    const ready = current.filter(instance => instance.ready).length
    return {
      now: this.#options.now(),
      queued: this.#queue.length,
      oldestSince: this.#queue.oldestSince,
      ready,
      starting: current.length - ready,
    }
  }

  #measure(): void {
    this.#scaler.setLoad(this.#options.now(), this.#active + this.#queue.length)
  }

  #start(spec: FunctionSpec): void {
    this.counters.coldStarts++
    const instance = this.#source.take(spec)
    this.#instances.add(instance)
    void instance.start()
  }

  #create(spec: FunctionSpec, driver: Driver, onEnd: OnEnd): Instance {
    const { openRuntimeApi, now, wallNow, environment: own, invokeUrl } = this.#options
    const number = this.#options.nextNumber()
    const { concurrency } = spec
    return new Instance({
      number,
      spec,
      open: (session, port) =>
        spec.protocol === 'http'
          ? HttpRuntime.open(session, { concurrency, port: spec.port ?? port })
          : openRuntimeApi(session, port),
      environment: ({ port }) =>
        functionEnvironment({
          spec,
          port,
          invokeUrl: invokeUrl(),
          region: functionRegion,
          instance: number,
          own,
        }),
      driver,
      onLine: (stream, text) =>
        this.#options.log.add({ time: wallNow(), instance: number, stream, text }),
      onReady: ready => this.#onReady(ready),
      onDone: done => this.#onDone(done),
      onRoom: ready => this.#onRoom(ready),
      onEnd,
      now,
      wallNow,
    })
  }

  #onDone({ startedAt, failed }: Execution): void {
    this.#active--
    this.#scaler.served(this.#options.now() - startedAt)
    this.#measure()
    if (failed) this.counters.faults++
  }

  #onReady({ startedAt }: Instance): void {
    this.#failures = 0
    this.#lastFault = undefined
    this.#scaler.started(this.#options.now() - startedAt)
  }

  #onRoom(instance: Instance): void {
    while (instance.hasRoom) {
      const next = this.#queue.shift()
      if (next === undefined) break
      const { invocation } = next
      const ticket = this.#tickets.get(invocation.id)
      this.#tickets.delete(invocation.id)
      if (ticket !== undefined) this.#dispatch(instance, invocation, ticket)
    }
    if (instance.retired && instance.session.active === 0) instance.stop()
    this.#scale()
    this.#settled()
  }

  #onEnd(instance: Instance, fault: FunctionFault | undefined): void {
    this.#instances.delete(instance)
    if (fault !== undefined) this.#startFailed(instance, fault)
    this.#scale()
    this.#settled()
    if (this.#instances.size === 0) for (const gone of this.#onGone.splice(0)) gone()
  }

  /** One that never loaded its function will not do so for those who wait either, unless others could. */
  #startFailed({ number, spec }: Instance, fault: FunctionFault): void {
    if (!isSameCode(spec, this.#spec)) return
    const { logger, now } = this.#options
    this.counters.failedStarts++
    this.#failures++
    this.#lastFault = fault
    this.#restUntil = now() + Math.min(longestRestMs, firstRestMs * 2 ** (this.#failures - 1))
    const { errorType, message } = fault
    logger.warn(
      { function: spec.name, instance: number, errorType, detail: message },
      'could not start a function',
    )
    if (!this.#anyReady) this.#failQueued(() => fault)
  }

  #failQueued(faultFor: (invocation: Invocation) => FunctionFault): void {
    for (const { invocation } of this.#queue.removeAll()) {
      this.#tickets.delete(invocation.id)
      invocation.receiver.onFault(faultFor(invocation))
    }
  }

  #retire(instance: Instance): void {
    instance.retired = true
    if (instance.session.active === 0) instance.stop()
  }

  #sweep(): void {
    const { now } = this.#options
    const at = now()
    for (const { invocation, since } of this.#queue.removeExpired(at)) {
      this.#tickets.delete(invocation.id)
      invocation.receiver.onFault(
        invocation.deadlineAt <= at ? timeoutFault(invocation.id, at - since) : noRoomInTime,
      )
    }
    this.#endIdle(at)
    this.#scale()
  }

  #endIdle(at: number): void {
    const spec = this.#spec
    if (spec === undefined) return
    this.#measure()
    this.#scaler.look(spec, this.#census())
    const current = this.instances.filter(({ retired }) => !retired)
    if (spec.scale.tier === 'frozen')
      for (const instance of current)
        if (at - instance.idleSince >= freezeAfterMs) instance.freeze()
    for (const instance of this.#scaler.surplus(spec, at, current)) this.#retire(instance)
  }

  #settled(): void {
    if (this.#working) return
    this.#onEmpty?.()
    this.#onEmpty = undefined
  }
}

/** What others run beside us is there once, and looks for its Runtime API from the start to the end. */
function withOwnInstances(spec: FunctionSpec | undefined): FunctionSpec | undefined {
  if (spec?.driver !== 'docker' && spec?.driver !== 'kubernetes') return spec
  const min = spec.version === latestVersion ? 1 : 0
  return { ...spec, scale: { ...spec.scale, min, max: 1 } }
}

/** Whether what runs can go on running: how much of it there is may differ. */
function isSameCode(a: FunctionSpec | undefined, b: FunctionSpec | undefined): boolean {
  const code = (spec: FunctionSpec | undefined): string =>
    JSON.stringify(spec && { ...spec, scale: undefined })
  return code(a) === code(b)
}
