import type { FunctionScale, FunctionSpec } from '../../model/function/function.ts'
import { expectedWaitMs } from './admission.ts'
import { autoscale, autoscalePolicy, type AutoscaleState } from './autoscaler.ts'
import { ConcurrencyMeter } from './concurrency-meter.ts'
import { instancesToStart } from './demand.ts'
import { IdleHistogram } from './idle-histogram.ts'
import {
  defaultMinSamples,
  planKeepAlive,
  type KeepAlivePlan,
  type KeepAlivePolicy,
} from './keep-alive.ts'
import { MeanTime } from './mean-time.ts'

/** The instances of a function, and what waits for them. */
export interface Census {
  /** Monotonic ms. */
  readonly now: number
  readonly queued: number
  /** Since when the first has waited; undefined when nothing waits. */
  readonly oldestSince: number | undefined
  /** Instances that work, or can. */
  readonly ready: number
  readonly starting: number
}

/** An instance, as far as it may be ended. */
interface Idler {
  /** Monotonic ms; Infinity while it works, or starts. */
  readonly idleSince: number
}

/** Where the function has not been started yet. */
const assumedColdMs = 500
/** What lets a frozen process go on, and wait for its turn (bench/FUNCTIONS.md). */
const thawMs = 3
/** What is more than is wanted now was wanted a moment ago. */
const surplusAfterMs = 60_000

/**
 * Decides how many instances of a function there are: starts come from what waits, and from the autoscaler, which
 * makes room before anything waits; ends come from the keep-alive policy. What each is worth: bench/AUTOSCALER.md.
 */
export class InstanceScaler {
  readonly #serviceTime = new MeanTime()
  readonly #coldTime = new MeanTime()
  readonly #history = new IdleHistogram()
  readonly #meter: ConcurrencyMeter
  #state: AutoscaleState | undefined
  #desired = 0
  /** Where a fixed keep-alive has ended others: so many do, until somebody waits. */
  #enough = Number.POSITIVE_INFINITY
  /** Nobody has called since; undefined while somebody does. */
  #idleSince: number | undefined
  #plan: KeepAlivePlan | undefined

  constructor(now: number) {
    this.#meter = new ConcurrencyMeter(now)
  }

  /** From the start of an instance until it takes its first event, as is expected. */
  get coldMs(): number {
    return this.#coldTime.ms ?? assumedColdMs
  }

  served(ms: number): void {
    this.#serviceTime.observe(ms)
  }

  started(ms: number): void {
    this.#coldTime.observe(ms)
  }

  /** So many invocations are under way or wait. */
  setLoad(now: number, concurrency: number): void {
    this.#meter.set(now, concurrency)
    if (concurrency === 0) this.#idleSince ??= now
    else if (this.#idleSince !== undefined) {
      this.#history.observe(now - this.#idleSince)
      this.#idleSince = undefined
    }
  }

  /** To be called about once a second. */
  look(spec: FunctionSpec, { now, ready }: Census): void {
    const { concurrency, scale } = spec
    const policy = {
      ...autoscalePolicy({ concurrency, min: scale.min, max: scale.max }),
      targetPerInstance: concurrency * scale.target,
    }
    const observation = {
      now,
      concurrency: this.#meter.take(now),
      present: this.#meter.current,
      ready,
    }
    const { state, desired } = autoscale(policy, this.#state, observation)
    this.#state = state
    this.#desired = desired
    this.#plan = this.#planFor(spec)
  }

  /** Instances to start, as things are. */
  missing(spec: FunctionSpec, census: Census): number {
    const { min, max, keepAliveMs } = spec.scale
    const { ready, starting } = census
    if (census.oldestSince !== undefined || keepAliveMs === 'auto')
      this.#enough = Number.POSITIVE_INFINITY
    const wanted = Math.max(
      min,
      this.#busy ? Math.min(this.#desired, this.#enough) : 0,
      this.#prewarmed(census.now) ? 1 : 0,
    )
    const forQueue = ready + starting + this.#forQueue(spec, census)
    return Math.min(max, Math.max(wanted, forQueue)) - ready - starting
  }

  /** Until it is worth looking again at what waits; undefined when nothing does. */
  lookAgainMs({ now, oldestSince }: Census): number | undefined {
    return oldestSince === undefined ? undefined : Math.max(1, this.coldMs - (now - oldestSince))
  }

  /** For how long one more invocation would probably wait. */
  expectedWaitMs({ scale, concurrency }: FunctionSpec, { queued, ready }: Census): number {
    return expectedWaitMs({
      queued,
      slots: scale.max * concurrency,
      serviceMs: this.#serviceTime.ms,
      coldMs: ready > 0 ? 0 : this.coldMs,
    })
  }

  /** Those to end, of all that are there. */
  surplus<I extends Idler>(spec: FunctionSpec, now: number, instances: readonly I[]): I[] {
    const plan = (this.#plan ??= this.#planFor(spec))
    const idle = instances
      .filter(({ idleSince }) => idleSince <= now)
      .toSorted((a, b) => a.idleSince - b.idleSince)
    const ended: I[] = []
    for (const instance of idle) {
      const left = instances.length - ended.length
      if (left <= spec.scale.min) break
      const idleMs = now - instance.idleSince
      if (idleMs >= this.#keptMs(plan, spec.scale, { left, now })) ended.push(instance)
    }
    // What was idle for as long as that would be started again at once, and again.
    if (ended.length > 0) this.#enough = instances.length - ended.length
    return ended
  }

  get #busy(): boolean {
    return this.#idleSince === undefined
  }

  /** For how long the next instance to end is kept when so many are left. */
  #keptMs(
    plan: KeepAlivePlan,
    { keepAliveMs }: FunctionScale,
    { left, now }: { readonly left: number; readonly now: number },
  ): number {
    // Started for a call that is expected, it stays for that.
    if (left === 1) return this.#prewarmed(now) ? Number.POSITIVE_INFINITY : plan.endAfterMs
    // Who gave a number knows better than what was seen of the load.
    if (keepAliveMs !== 'auto') return plan.spareAfterMs
    if (left <= this.#desired) return Number.POSITIVE_INFINITY
    return Math.min(plan.spareAfterMs, surplusAfterMs)
  }

  #prewarmed(now: number): boolean {
    const prewarm = this.#plan?.prewarm
    if (prewarm === undefined || this.#idleSince === undefined) return false
    const idleMs = now - this.#idleSince
    return idleMs >= prewarm.afterMs && idleMs < prewarm.untilMs
  }

  #forQueue({ concurrency }: FunctionSpec, census: Census): number {
    const { now, queued, oldestSince, ready, starting } = census
    if (oldestSince === undefined) return 0
    return instancesToStart({
      queued,
      oldestWaitMs: now - oldestSince,
      ready,
      starting,
      concurrency,
      serviceMs: this.#serviceTime.ms,
      coldMs: this.coldMs,
    })
  }

  #planFor({ memoryMib, scale }: FunctionSpec): KeepAlivePlan {
    const costs = {
      memoryMib,
      coldMs: this.coldMs,
      thawMs: scale.tier === 'frozen' ? thawMs : undefined,
    }
    return planKeepAlive(policyOf(scale), costs, this.#history)
  }
}

function policyOf({ keepAliveMs }: FunctionScale): KeepAlivePolicy {
  return keepAliveMs === 'auto'
    ? { kind: 'cheaper', minSamples: defaultMinSamples }
    : { kind: 'fixed', keepAliveMs }
}
