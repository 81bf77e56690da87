import type { EndpointState } from './endpoint-state.ts'

/** In this time an estimate loses all but 1/e of its weight. */
const decayMs = 10_000

/** No run of failures raises an estimate beyond this. */
const maxPenaltyMs = 10_000

/**
 * A request would wait less there: latency times requests in flight.
 * The latency estimate is a moving average that follows peaks at once and forgets them slowly, and that
 * fades while nothing is sent, so that a slow endpoint is tried again.
 */
export function isCheaper(a: EndpointState, b: EndpointState, now: number): boolean {
  const queueA = 1 + a.active / a.weight
  const queueB = 1 + b.active / b.weight
  // A new endpoint is taken to be as fast as its rival: it gets its share of trials and no rush.
  if (!isMeasured(a) || !isMeasured(b)) return queueA < queueB
  return estimate(a, now) * queueA < estimate(b, now) * queueB
}

function isMeasured(state: EndpointState): boolean {
  return state.ewmaAt !== Number.NEGATIVE_INFINITY
}

function estimate(state: EndpointState, now: number): number {
  return state.ewmaMs * Math.exp((state.ewmaAt - now) / decayMs)
}

/** Notes the latency of an answered attempt, until its response head. */
export function observeLatency(state: EndpointState, latencyMs: number, now: number): void {
  if (!isMeasured(state) || latencyMs > state.ewmaMs) state.ewmaMs = latencyMs
  else {
    const kept = Math.exp((state.ewmaAt - now) / decayMs)
    state.ewmaMs = state.ewmaMs * kept + latencyMs * (1 - kept)
  }
  state.ewmaAt = now
}

/**
 * Notes a failed attempt: it counts as twice as slow as the endpoint seemed, else one that fails fast would
 * look like the fastest and draw the traffic.
 */
export function observeFailure(state: EndpointState, latencyMs: number, now: number): void {
  const penalty = isMeasured(state) ? 2 * estimate(state, now) : 0
  observeLatency(state, Math.max(latencyMs, Math.min(penalty, maxPenaltyMs)), now)
}
