import { EventEmitter } from 'node:events'
import Opossum from 'opossum'
import type { Now } from '../base/clock.ts'
import type { CircuitBreakerPolicy } from '../model/cluster.ts'

/** Closed: traffic flows. Open: all is refused. Half-open: a few probes decide. */
export type CircuitState = 'closed' | 'open' | 'half-open'

/** What a person can set; `auto`: it decides for itself. */
export const breakerSettings = ['open', 'closed', 'auto'] as const

export type BreakerSetting = (typeof breakerSettings)[number]

/** For people. */
export interface BreakerStatus {
  readonly state: CircuitState
  readonly setting: BreakerSetting
  /** Why it is not closed. */
  readonly reason?: string
  /** Until a probe may go. Absent: it is not open, or nobody told it the time. */
  readonly probeInMs?: number
}

/** What {@link CircuitBreaker.tryAcquire} answers when a request may not go. */
export const refused = 0

const buckets = 10
const upstreamFailed = new Error('the upstream failed')

/** The action that opossum guards: the outcome is known when it is fired. */
async function settle(succeeded: boolean): Promise<void> {
  if (!succeeded) throw upstreamFailed
}

const ignore = (): void => {}

/**
 * Opossum's state machine and rolling window behind calls that fit a data path without promises.
 *
 * Failures, and the outcome of a probe, are fired through opossum one by one. Successes while closed are
 * counted in a number, and written to the current bucket of opossum's window before anything looks at the
 * window or moves it, so its percentages are those of firing each.
 */
export class CircuitBreaker {
  readonly name: string
  readonly #circuit: Opossum<[boolean], void>
  readonly #rotation = new EventEmitter()
  readonly #timer: NodeJS.Timeout
  readonly #policy: CircuitBreakerPolicy
  readonly #probesNeeded: number
  readonly #now: Now | undefined
  #state: CircuitState = 'closed'
  #setting: BreakerSetting = 'auto'
  /** Grows with each change of state: an outcome counts only in the state that admitted its request. */
  #epoch = 1
  /** Half-open: in flight, and succeeded. */
  #probing = 0
  #probed = 0
  /** When the last one was let go; Infinity where nobody told the time. */
  #probeSentAt = Number.POSITIVE_INFINITY
  #successes = 0
  #openedBecause = ''
  #openedAt = 0

  /**
   * @param name as people know what it protects: the cluster's, or the route's.
   * @param now with it a refusal says when the next probe goes.
   */
  constructor(name: string, policy: CircuitBreakerPolicy, now?: Now) {
    this.name = name
    this.#policy = policy
    this.#probesNeeded = policy.halfOpenRequests ?? 1
    this.#now = now
    this.#circuit = new Opossum(settle, {
      name,
      timeout: false,
      // Opossum opens above its percentage; the policy says from its ratio on.
      errorThresholdPercentage: policy.failureRatio * 100 - 1e-6,
      volumeThreshold: policy.minRequests,
      rollingCountTimeout: policy.windowMs,
      rollingCountBuckets: buckets,
      resetTimeout: policy.openMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#rotation,
    })
    this.#circuit.on('open', () => this.#opened())
    this.#circuit.on('halfOpen', () => this.#enter('half-open'))
    this.#circuit.on('close', () => {
      if (this.#setting === 'auto') this.#enter('closed')
      this.#clearWindow()
    })
    this.#timer = setInterval(() => this.#rotate(), policy.windowMs / buckets)
    this.#timer.unref()
  }

  get state(): CircuitState {
    return this.#state
  }

  get setting(): BreakerSetting {
    return this.#setting
  }

  get status(): BreakerStatus {
    const probeInMs = this.#probeInMs()
    return {
      state: this.#state,
      setting: this.#setting,
      ...(this.#state !== 'closed' && { reason: this.#openedBecause }),
      ...(probeInMs !== undefined && { probeInMs: Math.round(probeInMs) }),
    }
  }

  /**
   * Whether a request may go now: {@link refused} (0), or a permit to hand back with the outcome, exactly
   * once, to `onSuccess`, `onFailure` or `onIgnored`. Half-open admits as many probes as must succeed, and another when
   * the last has not ended in the time that it was open: it may be a stream of hours.
   */
  tryAcquire(): number {
    if (this.#state === 'closed') return this.#epoch
    if (this.#state === 'open') return refused
    if (this.#probing + this.#probed >= this.#probesNeeded && !this.#isProbeLate()) return refused
    this.#probing++
    this.#probeSentAt = this.#now?.() ?? Number.POSITIVE_INFINITY
    return this.#epoch
  }

  onSuccess(permit: number): void {
    if (permit !== this.#epoch) return
    if (this.#state === 'closed') {
      this.#successes++
      return
    }
    this.#probing--
    this.#probed++
    if (this.#probed === this.#probesNeeded) this.#fire(true)
  }

  onFailure(permit: number): void {
    if (permit !== this.#epoch) return
    if (this.#state === 'closed' && (!this.#policy.enabled || this.#setting !== 'auto')) return
    this.#flush()
    this.#fire(false)
  }

  /** The request says nothing of the upstream, as when the caller went away. */
  onIgnored(permit: number): void {
    if (permit === this.#epoch && this.#state === 'half-open') this.#probing--
  }

  /** By the operator's word, also where the policy has it disabled. It stays so until it is set to something else. */
  set(setting: BreakerSetting): void {
    if (setting === this.#setting) return
    this.#setting = setting
    this.#circuit.close()
    this.#clearWindow()
    this.#openedBecause = 'its operator has opened it'
    this.#enter(setting === 'open' ? 'open' : 'closed')
  }

  /** Why {@link tryAcquire} has just refused, and what is to come. */
  get refusal(): string {
    const { name } = this
    if (this.#setting === 'open')
      return `the circuit breaker of ${name} was opened by its operator; POST /breakers/${name}?state=auto at the sidecar's admin port lets it decide again`
    const reason = `the circuit breaker of ${name} is ${this.#state}: ${this.#openedBecause}`
    if (this.#state === 'half-open')
      return `${reason}, and whether it is well again is being probed`
    const leftMs = this.#probeInMs()
    const probe =
      leftMs === undefined ? `${this.#policy.openMs} ms after that` : `in ${Math.ceil(leftMs)} ms`
    return `${reason}; the next request is let through as a probe ${probe}`
  }

  /** Frees the timers; the state stays what it is. */
  shutdown(): void {
    clearInterval(this.#timer)
    this.#circuit.shutdown()
  }

  #fire(succeeded: boolean): void {
    this.#circuit.fire(succeeded).catch(ignore)
  }

  #opened(): void {
    const isProbe = this.#state === 'half-open'
    this.#openedBecause = isProbe ? 'a probe failed' : this.#failures()
    this.#openedAt = this.#now?.() ?? 0
    this.#enter('open')
  }

  #enter(state: CircuitState): void {
    this.#state = state
    this.#epoch++
    this.#probing = 0
    this.#probed = 0
  }

  #isProbeLate(): boolean {
    return this.#now !== undefined && this.#now() >= this.#probeSentAt + this.#policy.openMs
  }

  #failures(): string {
    let failed = 0
    let all = 0
    for (const { failures, fires } of this.#circuit.status.window) {
      failed += failures
      all += fires
    }
    return `${failed} of ${all} requests failed within ${this.#policy.windowMs} ms`
  }

  #probeInMs(): number | undefined {
    if (this.#state !== 'open' || this.#setting !== 'auto' || this.#now === undefined)
      return undefined
    return Math.max(0, this.#openedAt + this.#policy.openMs - this.#now())
  }

  #flush(): void {
    const bucket = this.#circuit.status.window[0]
    if (bucket === undefined) return
    bucket.fires += this.#successes
    bucket.successes += this.#successes
    this.#successes = 0
  }

  #rotate(): void {
    this.#flush()
    this.#rotation.emit('rotate')
  }

  /** What failed before the circuit opened must not open it again after a good probe. */
  #clearWindow(): void {
    this.#successes = 0
    for (let i = 0; i < buckets; i++) this.#rotation.emit('rotate')
  }
}
