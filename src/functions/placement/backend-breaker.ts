/** Closed: calls go. Open: none. Half-open: one at a time, until it is known how it went. */
export type BreakerState = 'closed' | 'open' | 'half-open'

export type Outcome = 'success' | 'function-error' | 'failure' | 'ignored'

/** Handed back with the outcome, exactly once. */
export type Permit = number

/** Calls that are counted before a share of failures means anything. */
const minCalls = 5
const failureRatio = 0.5
/** After this long a call counts half. */
const halfLifeMs = 10_000
const firstOpenMs = 5000
/** Doubled by each probe that fails. */
const longestOpenMs = 60_000
/** Whoever took the probe and never came back does not block it forever. */
const probeTimeoutMs = 60_000

/**
 * Keeps calls from a backend that fails. Functions that fail do not count against it: the backend has run them. Times
 * are monotonic ms.
 */
export class BackendBreaker {
  #state: 'closed' | 'open' = 'closed'
  /** Grows with each change: what was admitted before says nothing any more. */
  #epoch = 1
  #calls = 0
  #failures = 0
  #countedAt = 0
  #openUntil = 0
  #openMs = firstOpenMs
  #probeSince: number | undefined

  /** `half-open`: a probe may go now. */
  state(now: number): BreakerState {
    if (this.#state === 'closed') return 'closed'
    const probing = this.#probeSince !== undefined && now < this.#probeSince + probeTimeoutMs
    return now >= this.#openUntil && !probing ? 'half-open' : 'open'
  }

  /** Undefined: not now. */
  tryAcquire(now: number): Permit | undefined {
    const state = this.state(now)
    if (state === 'open') return undefined
    if (state === 'half-open') {
      this.#epoch++
      this.#probeSince = now
    }
    return this.#epoch
  }

  settle(permit: Permit, outcome: Outcome, now: number): void {
    if (permit !== this.#epoch) return
    if (this.#state === 'open') this.#settleProbe(outcome, now)
    else if (outcome !== 'ignored') this.#count(outcome === 'failure', now)
  }

  #settleProbe(outcome: Outcome, now: number): void {
    this.#probeSince = undefined
    if (outcome === 'ignored') return
    if (outcome === 'failure') return this.#open(Math.min(2 * this.#openMs, longestOpenMs), now)
    this.#state = 'closed'
    this.#epoch++
    this.#calls = 0
    this.#failures = 0
    this.#openMs = firstOpenMs
  }

  #count(isFailure: boolean, now: number): void {
    const kept = 2 ** (-(now - this.#countedAt) / halfLifeMs)
    this.#countedAt = now
    this.#calls = this.#calls * kept + 1
    this.#failures = this.#failures * kept + (isFailure ? 1 : 0)
    // What has decayed a little is still a call: five in a few seconds are enough.
    const enough = this.#calls > minCalls - 1
    if (isFailure && enough && this.#failures >= failureRatio * this.#calls)
      this.#open(firstOpenMs, now)
  }

  #open(ms: number, now: number): void {
    this.#state = 'open'
    this.#epoch++
    this.#openMs = ms
    this.#openUntil = now + ms
  }
}
