import type { Candidates } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { PickContext } from './load-balancer.ts'

/** What is drawn, and by what the best is found. */
interface Draw {
  readonly candidates: Candidates
  /** 2 or more. */
  readonly choices: number
  /** Whether `a` is the better choice of the two at `now` (ms). */
  readonly prefer: (a: EndpointState, b: EndpointState, now: number) => boolean
}

/**
 * Power of two random choices, or of more: the best of the draws. It spreads load almost as well as comparing all,
 * and proxies that know nothing of each other do not flock to the same endpoint.
 */
export function pickOfDraws(
  { candidates, choices, prefer }: Draw,
  context: PickContext,
): EndpointState | undefined {
  let best = candidates.draw(context, undefined)
  if (best === undefined) return undefined
  for (let drawn = 1; drawn < choices; drawn++) {
    const other = candidates.draw(context, best)
    if (other === undefined) return best
    if (prefer(other, best, context.now)) best = other
  }
  return best
}
