import type { SlowStartPolicy } from '../model/policy/load-balancing.ts'
import type { EndpointState } from './endpoint-state.ts'

/** Weights follow the time in so many steps. */
const steps = 100

/** Share of its weight that an endpoint has `ageMs` after it joined (Envoy, "Slow start mode"). */
export function slowStartRatio(
  { windowMs, minRatio, aggression }: SlowStartPolicy,
  ageMs: number,
): number {
  if (ageMs >= windowMs) return 1
  return Math.max(minRatio, (Math.max(ageMs, 0) / windowMs) ** (1 / aggression))
}

/** Raises the weights of endpoints that have just joined. */
export class SlowStart {
  readonly #policy: SlowStartPolicy
  #warming: readonly EndpointState[]
  #nextAt = Number.NEGATIVE_INFINITY

  /** Takes those of the endpoints that have a `joinedAt`. */
  constructor(policy: SlowStartPolicy, endpoints: readonly EndpointState[]) {
    this.#policy = policy
    this.#warming = endpoints.filter(({ joinedAt }) => joinedAt !== undefined)
  }

  get isWarming(): boolean {
    return this.#warming.length > 0
  }

  /** To be called before each choice. Cheap: something is done only every hundredth of the window. */
  advance(now: number): void {
    if (now < this.#nextAt) return
    for (const state of this.#warming) warm(state, this.#policy, now)
    this.#warming = this.#warming.filter(({ joinedAt }) => joinedAt !== undefined)
    this.#nextAt =
      this.#warming.length === 0 ? Number.POSITIVE_INFINITY : now + this.#policy.windowMs / steps
  }
}

function warm(state: EndpointState, policy: SlowStartPolicy, now: number): void {
  const ageMs = now - (state.joinedAt ?? now)
  if (ageMs >= policy.windowMs) state.endWarming()
  else state.weight = state.endpoint.weight * slowStartRatio(policy, ageMs)
}
