/** What an idle instance can be. The next state in a list is cheaper to be in, and dearer to be called in. */
export interface IdleState {
  readonly idleCostPerMs: number
  /** Of a call that comes in this state; nothing in the first. */
  readonly wakeCost: number
}

/** From `afterMs` of idle time on an instance is in the state of that index. */
export interface StepDown {
  readonly state: number
  readonly afterMs: number
}

/**
 * When to step down while idle, without knowing for how long: at each idle time in the state that would have been the
 * cheapest for just that time. Whenever the call comes, the cost is at most twice that of who knew: what was paid until
 * then is the least possible, and the wake is part of that (Irani, Shukla, Gupta 2003, "Online strategies for dynamic
 * power management": the lower envelope). No rule without chance does better. States that are never the cheapest are
 * left out; the first is always there.
 */
export function stepDowns(states: readonly IdleState[]): StepDown[] {
  const steps: StepDown[] = [{ state: 0, afterMs: 0 }]
  for (let at = 0; ;) {
    const next = nextStep(states, at)
    if (next === undefined) return steps
    steps.push(next)
    at = next.state
  }
}

/** The state whose line of wake cost plus idle cost is the first to come below that of the current one. */
function nextStep(states: readonly IdleState[], at: number): StepDown | undefined {
  const current = states[at]
  let best: StepDown | undefined
  for (let state = at + 1; state < states.length; state++) {
    const other = states[state]
    if (current === undefined || other === undefined) continue
    const saved = current.idleCostPerMs - other.idleCostPerMs
    if (saved <= 0) continue
    const afterMs = Math.max(0, (other.wakeCost - current.wakeCost) / saved)
    // Of two that cross at the same time the deeper one is cheaper from then on.
    if (best === undefined || afterMs <= best.afterMs) best = { state, afterMs }
  }
  return best
}
