import {
  averageLoad,
  openWindow,
  recordLoad,
  windowBuckets,
  type LoadWindow,
} from './load-window.ts'

/** How many instances a function has: the algorithm and the defaults are those of Knative's pod autoscaler. */
export interface AutoscalePolicy {
  /** Invocations at once that an instance is to have on average; less than it can have, so that some room is left. */
  readonly targetPerInstance: number
  /** Default 60 000. */
  readonly stableWindowMs: number
  /** At most the stable window. Default 6 000. */
  readonly panicWindowMs: number
  /** Panic begins when the panic window wants so many times what is ready. Default 2. */
  readonly panicThreshold: number
  /** Largest ratio of what is desired to what is ready, above 1. Default 1 000. */
  readonly maxScaleUpRate: number
  /** Largest ratio of what is ready to what is desired, above 1. Default 2. */
  readonly maxScaleDownRate: number
  /** The last instance stays for so long after a whole idle stable window. Default 30 000. */
  readonly scaleToZeroGraceMs: number
  readonly min: number
  readonly max: number
}

export interface Observation {
  /** Monotonic ms. */
  readonly now: number
  /** Invocations in flight and queued, averaged since the last observation (`ConcurrencyMeter`). */
  readonly concurrency: number
  /** The same at this moment: whoever is there gets an instance, although one moment is no load. */
  readonly present: number
  /** Instances that work, or can. */
  readonly ready: number
}

/** What an autoscaler remembers between observations: of one size, whatever happens. */
export interface AutoscaleState {
  readonly window: LoadWindow
  /** When somebody was last there, monotonic ms. */
  readonly activeAt: number
  /** When the load was last over the threshold; undefined when there is no panic. */
  readonly panicAt: number | undefined
  /** The most that was desired in this panic; 0 when there is none. */
  readonly peak: number
}

export interface Autoscaled {
  readonly state: AutoscaleState
  /** Instances to have. */
  readonly desired: number
  readonly panicking: boolean
}

/** Share of an instance's concurrency that is aimed at, as Knative has it by default. */
const targetUtilisation = 0.7
/** In instances: a sum of fractions that misses a whole number by less is one. */
const rounding = 1e-6

/** Knative's defaults for a function. */
export function autoscalePolicy(spec: {
  /** Invocations at once in one instance. */
  readonly concurrency: number
  readonly min: number
  readonly max: number
}): AutoscalePolicy {
  return {
    targetPerInstance: spec.concurrency * targetUtilisation,
    stableWindowMs: 60_000,
    panicWindowMs: 6000,
    panicThreshold: 2,
    maxScaleUpRate: 1000,
    maxScaleDownRate: 2,
    scaleToZeroGraceMs: 30_000,
    min: spec.min,
    max: spec.max,
  }
}

/**
 * How many instances to have, by Little's law: the mean concurrency over the stable window by the target of one. When
 * the panic window wants twice what is ready, that decides, and nothing goes down until a stable window after the last
 * such moment. To be called every second or two, and at once for an idle function's first call; `state` is what the
 * last call returned, undefined the first time. Touches nothing that it is given.
 */
export function autoscale(
  policy: AutoscalePolicy,
  state: AutoscaleState | undefined,
  observation: Observation,
): Autoscaled {
  const { now, ready } = observation
  const concurrency = Number.isFinite(observation.concurrency) ? observation.concurrency : 0
  const last =
    state !== undefined && follows(policy, state, now) ? state : begin(policy, observation)
  const activeAt = concurrency > 0 || observation.present > 0 ? now : last.activeAt
  const window = recordLoad(rested(policy, last), now, Math.max(0, concurrency))
  const wanted = (spanMs: number): number =>
    Math.ceil(Math.max(0, averageLoad(window, spanMs) / policy.targetPerInstance - rounding))
  const urgent = wanted(policy.panicWindowMs)
  const panicAt = lastPanic(policy, last, urgent / Math.max(1, ready) >= policy.panicThreshold, now)
  const panicking = panicAt !== undefined
  const stable = limitRate(policy, ready, wanted(policy.stableWindowMs))
  const loaded = panicking ? Math.max(stable, limitRate(policy, ready, urgent), last.peak) : stable
  const kept = now - activeAt < policy.stableWindowMs + policy.scaleToZeroGraceMs ? 1 : 0
  const desired = Math.min(policy.max, Math.max(policy.min, kept, loaded))
  return {
    state: { window, activeAt, panicAt, peak: panicking ? desired : 0 },
    desired,
    panicking,
  }
}

/** Not where nobody looked for a whole window (a machine that slept), nor where the window has become another one. */
function follows(
  { stableWindowMs }: AutoscalePolicy,
  { window }: AutoscaleState,
  now: number,
): boolean {
  const elapsedMs = now - window.at
  return (
    elapsedMs >= 0 &&
    elapsedMs <= stableWindowMs &&
    window.bucketMs === stableWindowMs / windowBuckets
  )
}

/** What runs was started for a reason that we do not know: it stays until we know better. */
function begin(
  { stableWindowMs, max }: AutoscalePolicy,
  { now, ready }: Observation,
): AutoscaleState {
  return {
    window: openWindow(stableWindowMs, now),
    activeAt: ready > 0 ? now : Number.NEGATIVE_INFINITY,
    panicAt: ready > 1 ? now : undefined,
    peak: ready > 1 ? Math.min(ready, max) : 0,
  }
}

/** A load that begins after an idle window is not averaged over that. */
function rested(
  { stableWindowMs }: AutoscalePolicy,
  { window, activeAt }: AutoscaleState,
): LoadWindow {
  return window.at - activeAt >= stableWindowMs ? openWindow(stableWindowMs, window.at) : window
}

function lastPanic(
  { stableWindowMs }: AutoscalePolicy,
  { panicAt }: AutoscaleState,
  over: boolean,
  now: number,
): number | undefined {
  if (over) return now
  return panicAt !== undefined && now - panicAt <= stableWindowMs ? panicAt : undefined
}

/** At least one more or one less is always possible. */
function limitRate(policy: AutoscalePolicy, ready: number, wanted: number): number {
  const base = Math.max(1, ready)
  const most = Math.ceil(policy.maxScaleUpRate * base)
  const least = Math.floor(base / policy.maxScaleDownRate)
  return Math.min(most, Math.max(least, wanted))
}
