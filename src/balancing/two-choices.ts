import type { Candidates } from './candidates.ts'
import { relaxed } from './candidates.ts'
import type { EndpointState } from './endpoint-state.ts'
import type { PickContext } from './load-balancer.ts'

/** Whether `a` is the better choice of the two at `now` (ms). */
type Prefer = (a: EndpointState, b: EndpointState, now: number) => boolean

/**
 * Power of two random choices: the better of two draws. It spreads load almost as well as comparing all,
 * and proxies that know nothing of each other do not flock to the same endpoint.
 */
export function pickOfTwo(
  candidates: Candidates,
  context: PickContext,
  prefer: Prefer,
): EndpointState | undefined {
  const first = candidates.draw(context, undefined)
  if (first === undefined) {
    const wider = relaxed(context)
    return wider && pickOfTwo(candidates, wider, prefer)
  }
  const second = candidates.draw(context, first)
  if (second === undefined) return first
  return prefer(second, first, context.now) ? second : first
}
