import type { OutlierDetectionPolicy } from '../model/cluster.ts'

/** The part of an endpoint's state that the detector reads and writes. */
export interface OutlierSubject {
  ejected: boolean
  /** Monotonic ms; meaningful while ejected and for a while after. */
  ejectedUntil: number
  /** Ejections without a long good time between them. */
  ejectionStreak: number
  consecutiveFailures: number
}

/**
 * Takes endpoints out of the rotation that keep failing. All memory is in the subjects, so a snapshot with
 * another policy or other endpoints makes a new detector and forgets nothing.
 */
export class OutlierDetector {
  readonly #policy: OutlierDetectionPolicy
  readonly #subjects: readonly OutlierSubject[]
  readonly #maxEjected: number
  #nextRelease = Number.POSITIVE_INFINITY

  constructor(policy: OutlierDetectionPolicy, subjects: readonly OutlierSubject[]) {
    this.#policy = policy
    this.#subjects = subjects
    this.#maxEjected = policy.enabled ? maxEjected(policy.maxEjectedRatio, subjects.length) : 0
    this.#releaseSurplus()
    this.#scheduleRelease()
  }

  get ejectedCount(): number {
    let count = 0
    for (const subject of this.#subjects) if (subject.ejected) count++
    return count
  }

  /** Notes the outcome of an attempt. A 5xx, a reset, a timeout and a failed connect are failures. */
  observe(subject: OutlierSubject, failed: boolean, now: number): 'ejected' | undefined {
    if (!failed) {
      subject.consecutiveFailures = 0
      return undefined
    }
    subject.consecutiveFailures++
    if (!this.#policy.enabled) return undefined
    if (subject.consecutiveFailures < this.#policy.consecutiveFailures) return undefined
    return this.#mayEject(subject) ? this.#eject(subject, now) : undefined
  }

  /** Lets endpoints back in whose time is over. Cheap: called before each pick. */
  release(now: number): void {
    if (now < this.#nextRelease) return
    for (const subject of this.#subjects)
      if (subject.ejected && subject.ejectedUntil <= now) readmit(subject)
    this.#scheduleRelease()
  }

  /** A late outcome of an endpoint that has left the cluster must not count against those in it. */
  #mayEject(subject: OutlierSubject): boolean {
    return (
      !subject.ejected && this.ejectedCount < this.#maxEjected && this.#subjects.includes(subject)
    )
  }

  #eject(subject: OutlierSubject, now: number): 'ejected' {
    const { baseEjectionMs, maxEjectionMs } = this.#policy
    // The streak ends when the endpoint has since served as long as the longest ejection lasts.
    if (now - subject.ejectedUntil > maxEjectionMs) subject.ejectionStreak = 0
    subject.ejectionStreak++
    subject.ejected = true
    subject.ejectedUntil = now + Math.min(baseEjectionMs * subject.ejectionStreak, maxEjectionMs)
    this.#nextRelease = Math.min(this.#nextRelease, subject.ejectedUntil)
    return 'ejected'
  }

  /** With fewer endpoints than before, fewer may be out: those with the least time left come back first. */
  #releaseSurplus(): void {
    const ejected = this.#subjects.filter(subject => subject.ejected)
    ejected.sort((a, b) => a.ejectedUntil - b.ejectedUntil)
    for (const subject of ejected.slice(0, Math.max(0, ejected.length - this.#maxEjected)))
      readmit(subject)
  }

  #scheduleRelease(): void {
    this.#nextRelease = Number.POSITIVE_INFINITY
    for (const subject of this.#subjects)
      if (subject.ejected) this.#nextRelease = Math.min(this.#nextRelease, subject.ejectedUntil)
  }
}

function maxEjected(ratio: number, endpoints: number): number {
  if (endpoints < 2) return 0
  // One may always be out, and one always stays.
  return Math.min(Math.max(1, Math.floor(ratio * endpoints)), endpoints - 1)
}

function readmit(subject: OutlierSubject): void {
  subject.ejected = false
  subject.consecutiveFailures = 0
}
