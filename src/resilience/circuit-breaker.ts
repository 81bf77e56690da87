import { EventEmitter } from 'node:events'
import Opossum from 'opossum'
import type { CircuitBreakerPolicy } from '../model/cluster.ts'

/** Closed: traffic flows. Open: all is refused. Half-open: one probe at a time decides. */
export type CircuitState = 'closed' | 'open' | 'half-open'

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
  readonly #circuit: Opossum<[boolean], void>
  readonly #rotation = new EventEmitter()
  readonly #timer: NodeJS.Timeout
  readonly #enabled: boolean
  #state: CircuitState = 'closed'
  /** Grows with each change of state: an outcome counts only in the state that admitted its request. */
  #epoch = 1
  #probing = false
  #successes = 0

  constructor(name: string, policy: CircuitBreakerPolicy) {
    this.#enabled = policy.enabled
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
    this.#circuit.on('open', () => this.#enter('open'))
    this.#circuit.on('halfOpen', () => this.#enter('half-open'))
    this.#circuit.on('close', () => {
      this.#enter('closed')
      this.#clearWindow()
    })
    this.#timer = setInterval(() => this.#rotate(), policy.windowMs / buckets)
    this.#timer.unref()
  }

  get state(): CircuitState {
    return this.#state
  }

  /**
   * Whether a request may go now: {@link refused} (0), or a permit to hand back with the outcome, exactly
   * once, to `onSuccess`, `onFailure` or `onIgnored`. Half-open admits one probe until its outcome.
   */
  tryAcquire(): number {
    if (this.#state === 'closed') return this.#epoch
    if (this.#state === 'open' || this.#probing) return refused
    this.#probing = true
    return this.#epoch
  }

  onSuccess(permit: number): void {
    if (permit !== this.#epoch) return
    if (this.#state === 'closed') this.#successes++
    else this.#fire(true)
  }

  onFailure(permit: number): void {
    if (permit !== this.#epoch) return
    // Disabled means that failures do not open it; the operator still may, and then it must recover.
    if (this.#state === 'closed' && !this.#enabled) return
    this.#flush()
    this.#fire(false)
  }

  /** The request says nothing of the upstream, as when the caller went away. */
  onIgnored(permit: number): void {
    if (permit === this.#epoch) this.#probing = false
  }

  /** Lets traffic flow again, by the operator's word. */
  close(): void {
    this.#circuit.close()
  }

  /** Refuses traffic, by the operator's word, for as long as an open circuit does. */
  open(): void {
    this.#circuit.open()
  }

  /** Frees the timers; the state stays what it is. */
  shutdown(): void {
    clearInterval(this.#timer)
    this.#circuit.shutdown()
  }

  #fire(succeeded: boolean): void {
    this.#circuit.fire(succeeded).catch(ignore)
  }

  #enter(state: CircuitState): void {
    this.#state = state
    this.#epoch++
    this.#probing = false
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
