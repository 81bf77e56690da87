import type { EndpointState } from './endpoint-state.ts'
import type { PickContext } from './load-balancer.ts'

/** The endpoints of a balancer that carry weight, and who of them may serve now. */
export class Candidates {
  readonly all: readonly EndpointState[]
  readonly #panicRatio: number
  readonly #equalWeights: boolean

  constructor(endpoints: readonly EndpointState[], panicRatio: number) {
    this.all = endpoints.filter(state => state.endpoint.weight > 0)
    this.#panicRatio = panicRatio
    const weight = this.all[0]?.endpoint.weight
    this.#equalWeights = this.all.every(state => state.endpoint.weight === weight)
  }

  /** So few are available that sending all traffic to them would fell them too: health is ignored. */
  isPanicking(): boolean {
    let available = 0
    for (const state of this.all) if (state.available) available++
    return available < this.#panicRatio * this.all.length
  }

  isEligible(state: EndpointState, context: PickContext, panicking: boolean): boolean {
    const mayServe = state.available || (context.ejectedToo === true && state.healthy)
    if (!panicking && !mayServe) return false
    return context.tried === undefined || !context.tried.includes(state)
  }

  /** A random eligible endpoint, in proportion to weight, that is not `other`. */
  draw(context: PickContext, other: EndpointState | undefined): EndpointState | undefined {
    // While all are well a draw costs no scan. An unavailable one is drawn again among the eligible, which
    // leaves the choice exactly uniform.
    if (this.#equalWeights && context.tried === undefined) {
      const drawn = this.#drawAny(context, other)
      if (drawn === undefined || drawn.available || this.isPanicking()) return drawn
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
      state !== other && this.isEligible(state, context, panicking) ? state.endpoint.weight : 0

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

/**
 * The next choice for a request to which nobody is left: an ejected endpoint, which may have recovered, rather than
 * one that has just failed; then those that it has tried. Undefined when there is no further choice.
 */
export function relaxed({ now, random, tried, ejectedToo }: PickContext): PickContext | undefined {
  if (tried === undefined) return undefined
  return ejectedToo === true ? { now, random } : { now, random, tried, ejectedToo: true }
}
