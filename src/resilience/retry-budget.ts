import type { RetryBudgetPolicy } from '../model/cluster.ts'

const slots = 10
const defaultWindowMs = 10_000

/**
 * What retries a cluster can afford: over the window, by default the last ten seconds, at most `ratio` of its requests
 * plus `minPerSecond`, so that retries cannot multiply the load of a cluster that is failing.
 */
export class RetryBudget {
  readonly #policy: RetryBudgetPolicy
  readonly #slotMs: number
  readonly #requests = new Float64Array(slots)
  readonly #retries = new Float64Array(slots)
  /** Number of the current slot since the clock's zero. */
  #slot = 0

  constructor(policy: RetryBudgetPolicy) {
    this.#policy = policy
    this.#slotMs = (policy.windowMs ?? defaultWindowMs) / slots
  }

  /** Notes a request; its retries are none. */
  deposit(now: number): void {
    this.#advance(now)
    const index = this.#slot % slots
    this.#requests[index] = (this.#requests[index] ?? 0) + 1
  }

  /** Takes one retry out of the budget if it holds one. */
  tryWithdraw(now: number): boolean {
    this.#advance(now)
    const { ratio, minPerSecond } = this.#policy
    const allowed = ratio * sum(this.#requests) + (minPerSecond * slots * this.#slotMs) / 1000
    if (sum(this.#retries) + 1 > allowed) return false
    const index = this.#slot % slots
    this.#retries[index] = (this.#retries[index] ?? 0) + 1
    return true
  }

  /** Empties the slots between the last call and now: what they held is older than the window. */
  #advance(now: number): void {
    const slot = Math.floor(now / this.#slotMs)
    if (slot <= this.#slot) return
    const stale = Math.min(slot - this.#slot, slots)
    for (let i = 0; i < stale; i++) {
      this.#requests[(slot - i) % slots] = 0
      this.#retries[(slot - i) % slots] = 0
    }
    this.#slot = slot
  }
}

function sum(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
