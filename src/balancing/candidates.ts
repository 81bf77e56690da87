import type { EndpointState } from './endpoint-state.ts'
import type { PickContext } from './load-balancer.ts'
import type { PanicThreshold } from './panic-threshold.ts'
import type { SlowStart } from './slow-start.ts'

/** The endpoints of a balancer that carry weight, and who of them may serve now. */
export class Candidates {
  readonly all: readonly EndpointState[]
  readonly #panic: PanicThreshold
  readonly #slowStart: SlowStart | undefined
  readonly #equalWeights: boolean

  /** @param slowStart of those of the endpoints that have just joined. */
  constructor(endpoints: readonly EndpointState[], panic: PanicThreshold, slowStart?: SlowStart) {
    this.all = endpoints.filter(state => state.endpoint.weight > 0)
    this.#panic = panic
    this.#slowStart = slowStart
    const weight = this.all[0]?.endpoint.weight
    this.#equalWeights = this.all.every(state => state.endpoint.weight === weight)
  }

  /** Health is ignored. */
  isPanicking(): boolean {
    return this.#panic.isPanicking()
  }

  isEligible(state: EndpointState, context: PickContext, panicking: boolean): boolean {
    if (!panicking && !mayServe(state, context)) return false
    return context.tried === undefined || !context.tried.includes(state)
  }

  /** A random eligible endpoint, in proportion to weight, that is not `other`. */
  draw(context: PickContext, other: EndpointState | undefined): EndpointState | undefined {
    // While all are well a draw costs no scan. An unavailable one is drawn again among the eligible, which
    // leaves the choice exactly uniform.
    if (this.#equalWeights && context.tried === undefined && this.#slowStart?.isWarming !== true) {
      const drawn = this.#drawAny(context, other)
      if (drawn === undefined || drawn.mayServe || this.isPanicking()) return drawn
    }
    return this.#drawEligible(context, other)
  }

  #drawAny(context: PickContext, other: EndpointState | undefined): EndpointState | undefined {
    const count = this.all.length
    const index = Math.floor(context.random() * count)
    const drawn = this.all[index]
    if (drawn !== other || other === undefined) return drawn
    if (count === 1) return undefined
    return this.all[(index + 1 + Math.floor(context.random() * (count - 1))) % count]
  }

  #drawEligible(context: PickContext, other: EndpointState | undefined): EndpointState | undefined {
    const panicking = this.isPanicking()
    const weightOf = (state: EndpointState): number =>
      state !== other && this.isEligible(state, context, panicking) ? state.weight : 0

    let total = 0
    for (const state of this.all) total += weightOf(state)
    let rest = context.random() * total
    let last: EndpointState | undefined
    for (const state of this.all) {
      const weight = weightOf(state)
      if (weight === 0) continue
      last = state
      rest -= weight
      if (rest < 0) break
    }
    return last
  }
}

function mayServe(state: EndpointState, { evenIf }: PickContext): boolean {
  if (evenIf === undefined) return state.mayServe
  return evenIf === 'busy' ? state.available : state.healthy
}
