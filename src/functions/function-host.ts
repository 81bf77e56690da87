import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { functionRegion, type FunctionSpec } from '../model/function.ts'
import { expectedWaitMs } from './scaling/admission.ts'
import { instancesToStart } from './scaling/demand.ts'
import { functionEnvironment } from './runtime/environment.ts'
import { createFault, timeoutFault, type FunctionFault } from './fault.ts'
import { FunctionLog } from './function-log.ts'
import { Instance, type RuntimeEndpoint, type InstanceOptions } from './runtime/instance.ts'
import type { Execution, Invocation } from './invocation.ts'
import { MeanTime } from './scaling/mean-time.ts'
import { PendingQueue } from './pending-queue.ts'
import type { RuntimeSession } from './runtime/runtime-session.ts'

export interface FunctionHostOptions {
  readonly openRuntimeApi: (session: RuntimeSession) => Promise<RuntimeEndpoint>
  readonly guard: InstanceOptions['guard']
  readonly logger: Logger
  /** Base URL of the Invoke API that functions call others by. */
  readonly invokeUrl: () => string
  /** Our environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Instances that start at once; more would only slow each other down. */
  readonly maxStarting: number
  readonly now: Now
  readonly wallNow: Now
}

/** What became of an invocation that was handed in. */
export interface Invoked {
  /** Set when an instance works on it. */
  readonly execution: Execution | undefined
  readonly instance: Instance | undefined
  /** The caller has gone: what waits is dropped, what runs runs on. */
  cancel(): void
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
/** Where nobody said how long the caller waits, and the function has not been started yet. */
const assumedColdMs = 500

class Ticket implements Invoked {
  execution: Execution | undefined
  instance: Instance | undefined
  readonly #cancel: () => void

  constructor(cancel: () => void) {
    this.#cancel = cancel
  }

  cancel(): void {
    this.#cancel()
  }
}

/**
 * A function on this machine: its instances, and what waits for them. Starts instances when invocations wait, ends
 * those that are idle for too long, replaces those that break.
 */
export class FunctionHost {
  readonly log = new FunctionLog()
  /** Since the start: instances begun, those that could not load the function, invocations turned away. */
  readonly counters = { coldStarts: 0, failedStarts: 0, throttled: 0, invocations: 0, faults: 0 }
  readonly #options: FunctionHostOptions
  readonly #instances = new Set<Instance>()
  readonly #queue = new PendingQueue(queueLimits)
  readonly #tickets = new Map<string, Ticket>()
  readonly #serviceTime = new MeanTime()
  readonly #coldTime = new MeanTime()
  readonly #sweeper: NodeJS.Timeout
  #spec: FunctionSpec | undefined
  #numbers = 0
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
    this.#spec = spec
    if (same) return this.#scale()
    this.#failures = 0
    this.#restUntil = Number.NEGATIVE_INFINITY
    for (const instance of this.#instances) this.#retire(instance)
    this.#scale()
  }

  /** The outcome goes to the invocation's receiver, never before this call has returned its ticket. */
  invoke(invocation: Invocation): Invoked {
    const ticket = new Ticket(() => this.#drop(invocation.id))
    this.counters.invocations++
    const instance = this.#idle()
    if (instance !== undefined) this.#dispatch(instance, invocation, ticket)
    else this.#enqueue(invocation, ticket)
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
    if (this.#instances.size > 0) await new Promise<void>(resolve => this.#onGone.push(resolve))
  }

  get #working(): boolean {
    return this.#queue.length > 0 || this.instances.some(({ session }) => session.active > 0)
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
    if (at + this.#expectedWaitMs(this.#spec) > invocation.deadlineAt)
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

  #expectedWaitMs({ scale, concurrency }: FunctionSpec): number {
    return expectedWaitMs({
      queued: this.#queue.length,
      slots: scale.max * concurrency,
      serviceMs: this.#serviceTime.ms,
      coldMs: this.#anyReady ? 0 : (this.#coldTime.ms ?? assumedColdMs),
    })
  }

  get #anyReady(): boolean {
    return this.instances.some(({ ready, retired }) => ready && !retired)
  }

  #drop(id: string): void {
    this.#queue.remove(id)
    this.#tickets.delete(id)
    this.#settled()
  }

  /** Starts what the queue needs, and what is always kept. */
  #scale(): void {
    const spec = this.#spec
    if (spec === undefined || this.#closed || this.#options.now() < this.#restUntil) return
    const current = this.instances.filter(({ retired }) => !retired)
    const starting = current.filter(({ ready }) => !ready).length
    const forQueue = this.#missingForQueue(spec, current.length - starting, starting)
    const { min, max } = spec.scale
    const missing = Math.max(min - current.length, forQueue)
    const allowed = Math.min(max - current.length, this.#options.maxStarting - starting)
    for (let i = 0; i < Math.min(missing, allowed); i++) this.#start(spec)
  }

  /** Looks again when whoever waits now has waited for as long as a start takes. */
  #missingForQueue({ concurrency }: FunctionSpec, ready: number, starting: number): number {
    const { oldestSince } = this.#queue
    if (oldestSince === undefined) return 0
    const coldMs = this.#coldTime.ms ?? assumedColdMs
    const oldestWaitMs = this.#options.now() - oldestSince
    const missing = instancesToStart({
      queued: this.#queue.length,
      oldestWaitMs,
      ready,
      starting,
      concurrency,
      serviceMs: this.#serviceTime.ms,
      coldMs,
    })
    if (missing === 0 && this.#nextLook === undefined)
      this.#nextLook = setTimeout(
        () => {
          this.#nextLook = undefined
          this.#scale()
        },
        Math.max(1, coldMs - oldestWaitMs),
      )
    return missing
  }

  #start(spec: FunctionSpec): void {
    const { openRuntimeApi, guard, now, wallNow, environment: own, invokeUrl } = this.#options
    const number = ++this.#numbers
    this.counters.coldStarts++
    const instance = new Instance({
      number,
      spec,
      open: openRuntimeApi,
      environment: ({ port }) =>
        functionEnvironment({
          spec,
          runtimeApi: `127.0.0.1:${port}`,
          invokeUrl: invokeUrl(),
          region: functionRegion,
          instance: number,
          own,
        }),
      guard,
      onLine: (stream, text) => this.log.add({ time: wallNow(), instance: number, stream, text }),
      onReady: ready => this.#onReady(ready),
      onDone: ({ startedAt }) => this.#serviceTime.observe(now() - startedAt),
      onRoom: ready => this.#onRoom(ready),
      onEnd: (ended, fault) => this.#onEnd(ended, fault),
      now,
      wallNow,
    })
    this.#instances.add(instance)
    void instance.start()
  }

  #onReady({ startedAt }: Instance): void {
    this.#failures = 0
    this.#lastFault = undefined
    this.#coldTime.observe(this.#options.now() - startedAt)
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
      invocation.receiver.onFault(timeoutFault(invocation.id, at - since))
    }
    this.#endIdle(at)
    this.#scale()
  }

  #endIdle(at: number): void {
    const spec = this.#spec
    if (spec === undefined) return
    const { min, keepAliveMs, tier } = spec.scale
    const current = this.instances.filter(({ retired }) => !retired)
    if (tier === 'frozen')
      for (const instance of current)
        if (at - instance.idleSince >= freezeAfterMs) instance.freeze()
    const old = current
      .filter(({ idleSince }) => at - idleSince >= keepAliveMs)
      .toSorted((a, b) => a.idleSince - b.idleSince)
    for (const instance of old.slice(0, Math.max(0, current.length - min))) this.#retire(instance)
  }

  #settled(): void {
    if (this.#working) return
    this.#onEmpty?.()
    this.#onEmpty = undefined
  }
}

/** Whether what runs can go on running: how much of it there is may differ. */
function isSameCode(a: FunctionSpec | undefined, b: FunctionSpec | undefined): boolean {
  const code = (spec: FunctionSpec | undefined): string =>
    JSON.stringify(spec && { ...spec, scale: undefined })
  return code(a) === code(b)
}
