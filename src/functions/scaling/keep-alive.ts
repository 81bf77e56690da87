import { rangeMs, type IdleHistogram } from './idle-histogram.ts'
import { stepDowns, type IdleState } from './ski-rental.ts'

/**
 * How long an idle instance is kept.
 * - `fixed`: always as long.
 * - `ski-rental`: until keeping it has cost as much as the cold start that ending it may cause.
 * - `histogram`: by the function's own idle times, once it has had `minSamples` of them that have a pattern: kept for
 *   nearly all of them, started again before the earliest ("Serverless in the Wild", ATC'20). Ski rental until then.
 * - `cheaper`: the histogram's plan where, by the same idle times, it costs less than ski rental, else that.
 */
export type KeepAlivePolicy =
  | { readonly kind: 'fixed'; readonly keepAliveMs: number }
  | { readonly kind: 'ski-rental' }
  | { readonly kind: 'histogram' | 'cheaper'; readonly minSamples: number }

/** What keeping an instance costs, and what ending it. */
export interface KeepAliveCosts {
  /** Of an idle instance, frozen or not. */
  readonly memoryMib: number
  /** For how long a caller waits where there is none. */
  readonly coldMs: number
  /** For how long a caller waits for a frozen one; undefined: instances of this function are not frozen. */
  readonly thawMs: number | undefined
}

/** All times from the end of an instance's last invocation; Infinity is never. */
export interface KeepAlivePlan {
  readonly freezeAfterMs: number
  /** The function's last instance ends. */
  readonly endAfterMs: number
  /** An instance that is not the last ends: the function's idle times say nothing about it. */
  readonly spareAfterMs: number
  /** Where nothing runs nor waits by then, one is started, and kept until `untilMs`. */
  readonly prewarm: { readonly afterMs: number; readonly untilMs: number } | undefined
}

/**
 * Costs are in MiB held for a millisecond. So many of them is a millisecond of a caller's waiting worth: with memory at
 * $0.06 for a GiB and hour (AWS Lambda's list price, $0.0000166667 a second), 400 GiB make an hour of somebody's time
 * $24. Thus an instance of 128 MiB that starts in 100 ms is kept for 100 ms × 409 600 MiB / 128 MiB = 320 s, one of
 * 1 GiB for 40 s, one of 128 MiB that starts in a second for 53 min.
 */
export const waitingMib = 400 * 1024
/** What the processor costs that an idle, unfrozen instance uses: a hundredth of one, where AWS Lambda gives one for 1 769 MB. */
const idleProcessorMib = 18
/** Samples before a histogram is believed. */
export const defaultMinSamples = 20
/** Below, all idle times are about as likely, and the histogram says nothing. */
const minVariation = 2
const maxBeyondShare = 0.5
const headShare = 0.05
const tailShare = 0.99
const margin = 0.1

/** Nothing is kept for longer than four hours, unless by a fixed policy. `history`: none is as an empty one. */
export function planKeepAlive(
  policy: KeepAlivePolicy,
  costs: KeepAliveCosts,
  history?: IdleHistogram,
): KeepAlivePlan {
  const rental = rentalPlan(costs)
  switch (policy.kind) {
    case 'fixed': {
      const { keepAliveMs } = policy
      return { ...rental, endAfterMs: keepAliveMs, spareAfterMs: keepAliveMs }
    }
    case 'ski-rental':
      return rental
    case 'histogram':
    case 'cheaper': {
      if (history === undefined || !isTelling(history, policy.minSamples)) return rental
      const learnt = { ...rental, ...learntPlan(history) }
      if (policy.kind === 'histogram') return learnt
      const mean = (plan: KeepAlivePlan): number =>
        history.mean(idleMs => costOfIdleTime(plan, costs, idleMs))
      return mean(learnt) < mean(rental) ? learnt : rental
    }
  }
}

/** What one idle time of a function with one instance costs under a plan, in MiB held for a millisecond. */
export function costOfIdleTime(plan: KeepAlivePlan, costs: KeepAliveCosts, idleMs: number): number {
  const { freezeAfterMs, endAfterMs, prewarm } = plan
  const { hot, frozen, gone } = idleStates(costs)
  const kept = [{ afterMs: 0, untilMs: endAfterMs }, ...(prewarm === undefined ? [] : [prewarm])]
  let idleCost = 0
  let { wakeCost } = gone
  for (const { afterMs, untilMs } of kept) {
    const keptMs = Math.max(0, Math.min(idleMs, untilMs) - afterMs)
    const hotMs = Math.min(keptMs, freezeAfterMs)
    idleCost += hotMs * hot.idleCostPerMs + (keptMs - hotMs) * frozen.idleCostPerMs
    if (idleMs >= afterMs && idleMs <= untilMs)
      ({ wakeCost } = keptMs > freezeAfterMs ? frozen : hot)
  }
  return idleCost + wakeCost
}

function idleStates({ memoryMib, coldMs, thawMs }: KeepAliveCosts): {
  readonly hot: IdleState
  readonly frozen: IdleState
  readonly gone: IdleState
} {
  // Where it may not be taken away, the processor is no reason to end an instance sooner.
  const processorMib = thawMs === undefined ? 0 : idleProcessorMib
  return {
    hot: { idleCostPerMs: memoryMib + processorMib, wakeCost: 0 },
    frozen: { idleCostPerMs: memoryMib, wakeCost: (thawMs ?? 0) * waitingMib },
    gone: { idleCostPerMs: 0, wakeCost: coldMs * waitingMib },
  }
}

function rentalPlan(costs: KeepAliveCosts): KeepAlivePlan {
  const { hot, frozen, gone } = idleStates(costs)
  const states = costs.thawMs === undefined ? [hot, gone] : [hot, frozen, gone]
  const steps = stepDowns(states)
  const after = (state: IdleState): number =>
    steps.find(step => states[step.state] === state)?.afterMs ?? Number.POSITIVE_INFINITY
  const endAfterMs = Math.min(rangeMs, after(gone))
  return { freezeAfterMs: after(frozen), endAfterMs, spareAfterMs: endAfterMs, prewarm: undefined }
}

function isTelling(history: IdleHistogram, minSamples: number): boolean {
  return (
    history.samples >= minSamples &&
    history.beyondShare <= maxBeyondShare &&
    history.variation >= minVariation
  )
}

function learntPlan(history: IdleHistogram): Pick<KeepAlivePlan, 'endAfterMs' | 'prewarm'> {
  const afterMs = history.percentile(headShare).lowMs * (1 - margin)
  const untilMs = history.percentile(tailShare).highMs * (1 + margin)
  if (afterMs === 0) return { endAfterMs: Math.min(rangeMs, untilMs), prewarm: undefined }
  return { endAfterMs: 0, prewarm: { afterMs, untilMs: Math.min(rangeMs, untilMs) } }
}
