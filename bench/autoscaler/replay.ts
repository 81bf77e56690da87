import { autoscale, autoscalePolicy } from '../../src/functions/scaling/autoscaler.ts'
import type { AutoscaleState } from '../../src/functions/scaling/autoscaler.ts'
import { ConcurrencyMeter } from '../../src/functions/scaling/concurrency-meter.ts'
import { instancesToStart } from '../../src/functions/scaling/demand.ts'
import { IdleHistogram } from '../../src/functions/scaling/idle-histogram.ts'
import {
  planKeepAlive,
  type KeepAlivePlan,
  type KeepAlivePolicy,
} from '../../src/functions/scaling/keep-alive.ts'
import { MeanTime } from '../../src/functions/scaling/mean-time.ts'
import { EventQueue } from './event-queue.ts'
import type { App, Call } from './trace.ts'

/** How a function's instances come and go. */
export interface Scaling {
  readonly name: string
  readonly keepAlive: KeepAlivePolicy
  /** For what waits, as many as the autoscaler desires, or whichever is more. Default `queue`. */
  readonly starts?: 'queue' | 'autoscaler' | 'both'
  /** By which those end that are too many; `spares`: all but the last by the autoscaler. Default `keep-alive`. */
  readonly ends?: 'keep-alive' | 'autoscaler' | 'spares'
  /** Idle time after which one that is not the last may end. Default: by the keep-alive as that says, by the autoscaler at once. */
  readonly spareAfterMs?: number
}

export interface Outcome {
  readonly calls: number
  /** Calls that waited for the instance which they were the first of. */
  readonly cold: number
  readonly starts: number
  /** Of those calls that waited at all, ms. */
  readonly waits: number[]
  /** MiB × ms of instances that were ready and had nothing to do. */
  readonly idleMibMs: number
}

interface Idle {
  readonly since: number
  readonly fresh: boolean
  /** Until when it is kept whatever it has been doing; undefined: as long as the plan says. */
  readonly untilMs: number | undefined
}

type Event =
  | { readonly kind: 'ready'; readonly untilMs: number | undefined; readonly begun: number }
  | { readonly kind: 'done'; readonly call: Call }
  | { readonly kind: 'look' | 'tick' | 'sweep' }
  | { readonly kind: 'prewarm'; readonly idleSince: number }

const maxInstances = 500
/** At once, as a host with eight processors does it. */
const maxStarting = 8
const tickMs = 2000
const assumedColdMs = 500
/** As a host would, which does not plan anew after each call of a busy function. */
const planEveryMs = 10_000

/** Plays a function's calls through the scaling of `src/functions`, as the host does, with no clock but the trace's. */
export class Replay {
  readonly #app: App
  readonly #scaling: Scaling
  readonly #events = new EventQueue<Event>()
  /** Longest idle first; the last is used first. */
  readonly #idle: Idle[] = []
  readonly #queue: Call[] = []
  readonly #service = new MeanTime()
  readonly #cold = new MeanTime()
  readonly #history = new IdleHistogram()
  readonly #meter = new ConcurrencyMeter(0)
  readonly #outcome = { calls: 0, cold: 0, starts: 0, waits: [] as number[], idleMibMs: 0 }
  #now = 0
  #head = 0
  #busy = 0
  #starting = 0
  #looking = false
  #ticking = false
  #sweepAt = Number.POSITIVE_INFINITY
  /** Since when nobody has called; undefined before the first call, and while somebody does. */
  #idleSince: number | undefined
  #plan: KeepAlivePlan | undefined
  #plannedAt = 0
  #state: AutoscaleState | undefined
  #desired = 0

  constructor(app: App, scaling: Scaling) {
    this.#app = app
    this.#scaling = scaling
  }

  run(): Outcome {
    for (const call of this.#app.calls) {
      while (this.#events.nextAt <= call.at) this.#next()
      this.#advance(call.at)
      this.#arrive(call)
    }
    while (this.#events.nextAt <= this.#app.spanMs || this.#load > 0) this.#next()
    if (this.#now < this.#app.spanMs) this.#advance(this.#app.spanMs)
    return this.#outcome
  }

  get #queued(): number {
    return this.#queue.length - this.#head
  }

  get #load(): number {
    return this.#busy + this.#queued
  }

  get #current(): number {
    return this.#idle.length + this.#busy + this.#starting
  }

  #advance(at: number): void {
    this.#outcome.idleMibMs += this.#idle.length * this.#app.memoryMib * (at - this.#now)
    this.#now = at
  }

  #next(): void {
    this.#advance(this.#events.nextAt)
    const event = this.#events.take()
    switch (event?.kind) {
      case undefined:
        return
      case 'ready':
        return this.#ready(event.begun, event.untilMs)
      case 'done':
        return this.#done(event.call)
      case 'look':
        this.#looking = false
        return this.#scale()
      case 'tick':
        this.#ticking = false
        return this.#tick()
      case 'sweep':
        return this.#sweep()
      case 'prewarm':
        if (event.idleSince === this.#idleSince && this.#current === 0)
          this.#start(event.idleSince + (this.#plan?.prewarm?.untilMs ?? 0))
    }
  }

  #arrive(call: Call): void {
    this.#outcome.calls++
    if (this.#idleSince !== undefined) this.#history.observe(this.#now - this.#idleSince)
    this.#idleSince = undefined
    const instance = this.#idle.pop()
    if (instance !== undefined) this.#dispatch(call, instance.fresh)
    else this.#queue.push(call)
    this.#meter.set(this.#now, this.#load)
    if (!this.#ticking) this.#tick()
    else this.#scale()
  }

  #dispatch(call: Call, fresh: boolean): void {
    const waited = this.#now - call.at
    if (waited > 0) this.#outcome.waits.push(waited)
    if (waited > 0 && fresh) this.#outcome.cold++
    this.#busy++
    this.#events.add(this.#now + call.durationMs, { kind: 'done', call })
  }

  #ready(begun: number, untilMs: number | undefined): void {
    this.#starting--
    this.#cold.observe(this.#now - begun)
    this.#room({ since: this.#now, fresh: true, untilMs })
  }

  #done(call: Call): void {
    this.#busy--
    this.#service.observe(call.durationMs)
    this.#room({ since: this.#now, fresh: false, untilMs: undefined })
  }

  #room(instance: Idle): void {
    const call = this.#queue[this.#head]
    if (call === undefined) this.#idle.push(instance)
    else {
      this.#head++
      if (this.#head === this.#queue.length) this.#queue.length = this.#head = 0
      this.#dispatch(call, instance.fresh)
    }
    this.#meter.set(this.#now, this.#load)
    // One that was started ahead is no call.
    if (this.#load === 0 && !instance.fresh) this.#fellIdle()
    this.#scale()
    if (this.#idle.length > 0) this.#sweep()
  }

  #fellIdle(): void {
    this.#idleSince = this.#now
    if (this.#plan === undefined || this.#now - this.#plannedAt >= planEveryMs) this.#makePlan()
    const afterMs = this.#plan?.prewarm?.afterMs
    if (afterMs !== undefined)
      this.#events.add(this.#now + afterMs, { kind: 'prewarm', idleSince: this.#now })
  }

  #makePlan(): KeepAlivePlan {
    this.#plannedAt = this.#now
    const costs = {
      memoryMib: this.#app.memoryMib,
      coldMs: this.#cold.ms ?? assumedColdMs,
      thawMs: undefined,
    }
    return (this.#plan = planKeepAlive(this.#scaling.keepAlive, costs, this.#history))
  }

  /** Starts what is missing. */
  #scale(): void {
    const { starts = 'queue' } = this.#scaling
    const forQueue = starts === 'autoscaler' ? 0 : this.#missingForQueue()
    const ahead = starts === 'queue' ? 0 : this.#desired - this.#current
    const allowed = Math.min(maxInstances - this.#current, maxStarting - this.#starting)
    for (let i = Math.min(Math.max(forQueue, ahead), allowed); i > 0; i--) this.#start(undefined)
  }

  #missingForQueue(): number {
    const oldest = this.#queue[this.#head]
    if (oldest === undefined) return 0
    const coldMs = this.#cold.ms ?? assumedColdMs
    const oldestWaitMs = this.#now - oldest.at
    const missing = instancesToStart({
      queued: this.#queued,
      oldestWaitMs,
      ready: this.#idle.length + this.#busy,
      starting: this.#starting,
      concurrency: 1,
      serviceMs: this.#service.ms,
      coldMs,
    })
    if (missing === 0 && !this.#looking) {
      this.#looking = true
      this.#events.add(this.#now + Math.max(1, coldMs - oldestWaitMs), { kind: 'look' })
    }
    return missing
  }

  #start(untilMs: number | undefined): void {
    this.#starting++
    this.#outcome.starts++
    this.#events.add(this.#now + this.#app.coldMs, { kind: 'ready', untilMs, begun: this.#now })
  }

  #tick(): void {
    const { starts = 'queue', ends = 'keep-alive' } = this.#scaling
    if (starts === 'queue') return this.#scale()
    const policy = autoscalePolicy({ concurrency: 1, min: 0, max: maxInstances })
    const { state, desired } = autoscale(policy, this.#state, {
      now: this.#now,
      concurrency: this.#meter.take(this.#now),
      present: this.#load,
      ready: this.#idle.length + this.#busy,
    })
    this.#state = state
    this.#desired = desired
    this.#scale()
    if (ends !== 'keep-alive') this.#endSurplus()
    if (this.#current === 0 && this.#queued === 0 && desired === 0) return
    this.#ticking = true
    this.#events.add(this.#now + tickMs, { kind: 'tick' })
  }

  #endSurplus(): void {
    const { ends, spareAfterMs = 0 } = this.#scaling
    const kept = ends === 'spares' ? Math.max(1, this.#desired) : this.#desired
    for (let oldest = this.#idle[0]; oldest !== undefined; oldest = this.#idle[0]) {
      if (this.#current <= kept || this.#now - oldest.since < spareAfterMs) return
      this.#idle.shift()
    }
  }

  /** Ends what has been idle for long enough, and comes again when the next may have been. */
  #sweep(): void {
    const { starts = 'queue', ends = 'keep-alive' } = this.#scaling
    if (this.#sweepAt <= this.#now) this.#sweepAt = Number.POSITIVE_INFINITY
    if (ends === 'autoscaler') return
    const floor = starts === 'queue' ? 0 : this.#desired
    for (let oldest = this.#idle[0]; oldest !== undefined; oldest = this.#idle[0]) {
      const dueAt = this.#dueAt(oldest)
      if (dueAt > this.#now || this.#current <= floor) return this.#sweepLater(dueAt)
      this.#idle.shift()
    }
  }

  #dueAt({ since, untilMs }: Idle): number {
    const plan = this.#plan ?? this.#makePlan()
    if (untilMs !== undefined) return untilMs
    if (this.#current > 1) return since + (this.#scaling.spareAfterMs ?? plan.spareAfterMs)
    return since + plan.endAfterMs
  }

  #sweepLater(dueAt: number): void {
    const at = Math.max(dueAt, this.#now + (dueAt > this.#now ? 0 : tickMs))
    if (at >= this.#sweepAt || at > this.#app.spanMs) return
    this.#sweepAt = at
    this.#events.add(at, { kind: 'sweep' })
  }
}
