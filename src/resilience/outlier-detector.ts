import type { OutlierDetectionPolicy } from '../model/cluster.ts'

/** The part of an endpoint's state that the detector reads and writes. */
export interface OutlierSubject {
  ejected: boolean
  /** Monotonic ms; meaningful while ejected and for a while after. */
  ejectedUntil: number
  /** Ejections without a long good time between them. */
  ejectionStreak: number
  /** It has come back and has not succeeded yet: whoever chooses endpoints lets it have one request at a time. */
  onProbation: boolean
  consecutiveFailures: number
  consecutiveGatewayFailures: number
  consecutiveLocalFailures: number
  /** Since the last sweep. */
  sweepRequests: number
  sweepFailures: number
}

/**
 * What an attempt says of its endpoint. `local-failure`: no answer came (reset, timeout, failed connect), which is a
 * gateway failure too, as one of 502, 503 and 504 is; each is a failure.
 */
export type EndpointOutcome = 'success' | 'failure' | 'gateway-failure' | 'local-failure'

export function outcomeOfStatus(status: number): EndpointOutcome {
  if (status < 500) return 'success'
  return status >= 502 && status <= 504 ? 'gateway-failure' : 'failure'
}

const defaultIntervalMs = 10_000

/**
 * Takes endpoints out of the rotation that keep failing. All memory is in the subjects, so a snapshot with
 * another policy or other endpoints makes a new detector and forgets nothing. It has no timer: sweeps come with the
 * first outcome after their time, which lies on a grid of the clock so that they outlive a detector too.
 */
export class OutlierDetector {
  readonly #policy: OutlierDetectionPolicy
  readonly #subjects: readonly OutlierSubject[]
  readonly #maxEjected: number
  /** Infinity: nothing asks for sweeps. */
  readonly #intervalMs: number
  #nextRelease = Number.POSITIVE_INFINITY
  #nextSweep = Number.NEGATIVE_INFINITY

  constructor(policy: OutlierDetectionPolicy, subjects: readonly OutlierSubject[]) {
    const { enabled, successRate, failurePercentage, intervalMs = defaultIntervalMs } = policy
    this.#policy = policy
    this.#subjects = subjects
    this.#maxEjected = enabled ? maxEjected(policy.maxEjectedRatio, subjects.length) : 0
    const sweeps = enabled && (successRate !== undefined || failurePercentage !== undefined)
    this.#intervalMs = sweeps ? intervalMs : Number.POSITIVE_INFINITY
    if (!sweeps) this.#nextSweep = Number.POSITIVE_INFINITY
    this.#releaseSurplus()
    this.#scheduleRelease()
  }

  get ejectedCount(): number {
    let count = 0
    for (const subject of this.#subjects) if (subject.ejected) count++
    return count
  }

  /** Notes the outcome of an attempt. @returns how many endpoints were ejected. */
  observe(subject: OutlierSubject, outcome: EndpointOutcome, now: number): number {
    subject.sweepRequests++
    if (outcome === 'success') {
      succeed(subject)
      return now < this.#nextSweep ? 0 : this.#sweep(now)
    }
    fail(subject, outcome)
    const ejected = this.#isOut(subject) && this.#mayEject(subject) ? this.#eject(subject, now) : 0
    return now < this.#nextSweep ? ejected : ejected + this.#sweep(now)
  }

  /** Lets endpoints back in whose time is over. Cheap: called before each pick. */
  release(now: number): void {
    if (now < this.#nextRelease) return
    for (const subject of this.#subjects)
      if (subject.ejected && subject.ejectedUntil <= now) readmit(subject, true)
    this.#scheduleRelease()
  }

  /** By its failures in a row, and on probation by the first. */
  #isOut(subject: OutlierSubject): boolean {
    const { enabled, consecutiveFailures: most } = this.#policy
    const { consecutiveGatewayFailures: gateway = most, consecutiveLocalFailures: local = most } =
      this.#policy
    if (!enabled) return false
    return (
      subject.onProbation ||
      subject.consecutiveFailures >= most ||
      subject.consecutiveGatewayFailures >= gateway ||
      subject.consecutiveLocalFailures >= local
    )
  }

  /** A late outcome of an endpoint that has left the cluster must not count against those in it. */
  #mayEject(subject: OutlierSubject): boolean {
    return (
      !subject.ejected && this.ejectedCount < this.#maxEjected && this.#subjects.includes(subject)
    )
  }

  #eject(subject: OutlierSubject, now: number): 1 {
    const { baseEjectionMs, maxEjectionMs } = this.#policy
    // The streak ends when the endpoint has since served as long as the longest ejection lasts.
    if (now - subject.ejectedUntil > maxEjectionMs) subject.ejectionStreak = 0
    subject.ejectionStreak++
    subject.ejected = true
    subject.onProbation = false
    subject.ejectedUntil = now + Math.min(baseEjectionMs * subject.ejectionStreak, maxEjectionMs)
    this.#nextRelease = Math.min(this.#nextRelease, subject.ejectedUntil)
    return 1
  }

  /** Compares the endpoints by what they did since the last sweep. */
  #sweep(now: number): number {
    const isFirst = this.#nextSweep === Number.NEGATIVE_INFINITY
    this.#nextSweep = (Math.floor(now / this.#intervalMs) + 1) * this.#intervalMs
    // A detector of a new snapshot goes on with the interval that the one before it has begun.
    if (isFirst) return 0
    const { successRate, failurePercentage } = this.#policy
    const out = new Set<OutlierSubject>()
    if (successRate !== undefined) {
      const judged = judgedBy(this.#subjects, successRate)
      const least = leastSuccessRate(judged.map(successRateOf), successRate.stdevFactor)
      for (const subject of judged) if (successRateOf(subject) < least) out.add(subject)
    }
    if (failurePercentage !== undefined)
      for (const subject of judgedBy(this.#subjects, failurePercentage))
        if (1 - successRateOf(subject) >= failurePercentage.threshold) out.add(subject)
    let ejected = 0
    for (const subject of out) if (this.#mayEject(subject)) ejected += this.#eject(subject, now)
    for (const subject of this.#subjects) {
      subject.sweepRequests = 0
      subject.sweepFailures = 0
    }
    return ejected
  }

  /** With fewer endpoints than before, fewer may be out: those with the least time left come back first. */
  #releaseSurplus(): void {
    const ejected = this.#subjects.filter(subject => subject.ejected)
    ejected.sort((a, b) => a.ejectedUntil - b.ejectedUntil)
    for (const subject of ejected.slice(0, Math.max(0, ejected.length - this.#maxEjected)))
      readmit(subject, this.#policy.enabled)
  }

  #scheduleRelease(): void {
    this.#nextRelease = Number.POSITIVE_INFINITY
    for (const subject of this.#subjects)
      if (subject.ejected) this.#nextRelease = Math.min(this.#nextRelease, subject.ejectedUntil)
  }
}

/** Envoy, "Success Rate": the mean less so many standard deviations. -Infinity where there is nobody. */
export function leastSuccessRate(rates: readonly number[], stdevFactor: number): number {
  if (rates.length === 0) return Number.NEGATIVE_INFINITY
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  return mean - stdevFactor * Math.sqrt(variance)
}

function judgedBy(
  subjects: readonly OutlierSubject[],
  { minRequests, minHosts }: { readonly minRequests: number; readonly minHosts: number },
): readonly OutlierSubject[] {
  const judged = subjects.filter(
    ({ ejected, sweepRequests }) => !ejected && sweepRequests >= minRequests,
  )
  return judged.length >= minHosts ? judged : []
}

function successRateOf({ sweepRequests, sweepFailures }: OutlierSubject): number {
  return 1 - sweepFailures / sweepRequests
}

function maxEjected(ratio: number, endpoints: number): number {
  if (endpoints < 2) return 0
  // One may always be out, and one always stays.
  return Math.min(Math.max(1, Math.floor(ratio * endpoints)), endpoints - 1)
}

function succeed(subject: OutlierSubject): void {
  subject.consecutiveFailures = 0
  subject.consecutiveGatewayFailures = 0
  subject.consecutiveLocalFailures = 0
  subject.onProbation = false
}

/** A failure of another kind ends a row, as an answer shows that the endpoint is there. */
function fail(subject: OutlierSubject, outcome: EndpointOutcome): void {
  subject.sweepFailures++
  subject.consecutiveFailures++
  if (outcome === 'failure') subject.consecutiveGatewayFailures = 0
  else subject.consecutiveGatewayFailures++
  if (outcome === 'local-failure') subject.consecutiveLocalFailures++
  else subject.consecutiveLocalFailures = 0
}

function readmit(subject: OutlierSubject, onProbation: boolean): void {
  subject.ejected = false
  subject.onProbation = onProbation
  subject.consecutiveFailures = 0
  subject.consecutiveGatewayFailures = 0
  subject.consecutiveLocalFailures = 0
}
