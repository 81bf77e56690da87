import type { HedgingPolicy } from '../../model/policy/hedging.ts'
import { LatencyHistogram } from '../../telemetry/histogram.ts'

/** Tries from which a percentile means something; before, nothing is hedged by it. */
const fewestSamples = 100

/** The histogram holds what came in this time, and in as much before. */
const windowMs = 30_000

/** How long a percentile is good for, once it was computed. */
const refreshMs = 500

/** How long tries of one cluster took lately, and so how long to wait before the next is worth its cost. */
export class HedgeDelay {
  #current = new LatencyHistogram()
  #previous = new LatencyHistogram()
  #windowEndsAt = Number.NEGATIVE_INFINITY
  #delayMs: number | undefined
  #percentile = 0
  #computedAt = Number.NEGATIVE_INFINITY

  /** A try was answered, or given up unanswered after that time, which is less than it would have taken. */
  observe(latencyMs: number, now: number): void {
    if (now >= this.#windowEndsAt) {
      this.#previous = this.#current
      this.#current = new LatencyHistogram()
      this.#windowEndsAt = now + windowMs
    }
    this.#current.observe(latencyMs)
  }

  /** In ms. Undefined: too little is known yet. */
  after({ after }: HedgingPolicy, now: number): number | undefined {
    if ('delayMs' in after) return after.delayMs
    const { percentile } = after
    if (now < this.#computedAt + refreshMs && percentile === this.#percentile) return this.#delayMs
    this.#computedAt = now
    this.#percentile = percentile
    const all = new LatencyHistogram()
    all.add(this.#previous)
    all.add(this.#current)
    this.#delayMs = all.count < fewestSamples ? undefined : all.quantile(percentile / 100)
    return this.#delayMs
  }
}
