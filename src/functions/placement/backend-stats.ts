import type { Outcome } from './backend-breaker.ts'

export interface Observation {
  readonly outcome: Outcome
  /** Until the answer was there. */
  readonly ms: number
  /** Of the answer. */
  readonly bytes: number
}

/** What is expected of the next call. Numbers of no evidence are undefined. */
export interface Estimate {
  readonly p95Ms: number | undefined
  readonly meanMs: number | undefined
  readonly meanBytes: number | undefined
  /** Share of calls that the backend failed, 0–1. */
  readonly errorRate: number
  /** Calls that this rests on; old ones count less. */
  readonly samples: number
}

/** After this long an observation counts half. */
const halfLifeMs = 60_000
/** Buckets grow by a tenth, so that a quantile is right within 5 %. They end above 15 minutes. */
const growth = Math.log(1.1)
const bucketCount = 146
/** Below it the past is forgotten. */
const leastSamples = 0.05
/** Weights grow with time instead of the old ones shrinking; before they get out of hand all are scaled. */
const greatestWeight = 1e12

/** Latencies and failures of one backend, in memory that does not grow. Times are monotonic ms. */
export class BackendStats {
  readonly #buckets = new Float64Array(bucketCount)
  #origin: number | undefined
  #calls = 0
  #failures = 0
  /** Calls whose latency says something: those that were answered. */
  #answers = 0
  #sumMs = 0
  #sumBytes = 0

  observe({ outcome, ms, bytes }: Observation, now: number): void {
    if (outcome === 'ignored') return
    const weight = this.#weight(now)
    this.#calls += weight
    if (outcome === 'failure') {
      this.#failures += weight
      return
    }
    const index = bucketOf(ms)
    this.#buckets[index] = (this.#buckets[index] ?? 0) + weight
    this.#answers += weight
    this.#sumMs += weight * Math.max(0, ms)
    this.#sumBytes += weight * Math.max(0, bytes)
  }

  estimate(now: number): Estimate {
    const weight = this.#weight(now)
    const samples = this.#calls / weight
    if (samples < leastSamples) return noEvidence
    const answered = this.#answers > 0
    return {
      p95Ms: answered ? this.#quantile(0.95) : undefined,
      meanMs: answered ? this.#sumMs / this.#answers : undefined,
      meanBytes: answered ? this.#sumBytes / this.#answers : undefined,
      errorRate: Math.min(1, this.#failures / this.#calls),
      samples,
    }
  }

  /** What an observation of now weighs against one of the origin. */
  #weight(now: number): number {
    this.#origin ??= now
    const weight = 2 ** ((now - this.#origin) / halfLifeMs)
    if (weight < greatestWeight) return weight
    this.#rescale(weight)
    this.#origin = now
    return 1
  }

  #rescale(weight: number): void {
    for (const [index, count] of this.#buckets.entries()) this.#buckets[index] = count / weight
    this.#calls /= weight
    this.#failures /= weight
    this.#answers /= weight
    this.#sumMs /= weight
    this.#sumBytes /= weight
  }

  #quantile(q: number): number {
    const rank = q * this.#answers
    let below = 0
    for (const [index, count] of this.#buckets.entries()) {
      below += count
      // Sums of fractions may fall short of their total by the last digit.
      if (count > 0 && below >= rank - 1e-9 * this.#answers) return middleOf(index)
    }
    return middleOf(bucketCount - 1)
  }
}

const noEvidence: Estimate = {
  p95Ms: undefined,
  meanMs: undefined,
  meanBytes: undefined,
  errorRate: 0,
  samples: 0,
}

/** The first is for all up to 1 ms. */
function bucketOf(ms: number): number {
  return ms <= 1 ? 0 : Math.min(bucketCount - 1, Math.ceil(Math.log(ms) / growth))
}

/** Geometric middle, ms. */
function middleOf(index: number): number {
  return index === 0 ? 1 : Math.exp((index - 0.5) * growth)
}
