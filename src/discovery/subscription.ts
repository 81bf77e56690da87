import type { Snapshot } from '../model/snapshot.ts'
import { changesBetween } from './delta.ts'
import type { Ack, Nack, Problem, Push } from './message.ts'

export interface SubscriptionOptions {
  readonly send: (push: Push) => void
  /** Version the sidecar says it runs on. */
  readonly version: string | undefined
  /** Time for an answer to a push. */
  readonly answerTimeoutMs: number
  /** The sidecar has not answered in time. */
  readonly onStalled: () => void
  /** What was offered has been acked: all up to {@link Subscription.ackedOffer}. */
  readonly onAcked: () => void
}

export interface Rejection {
  readonly version: string
  readonly problems: readonly Problem[]
}

interface InFlight {
  readonly snapshot: Snapshot
  readonly nonce: number
  readonly timer: NodeJS.Timeout
  readonly offer: number
}

/**
 * The control plane's side of one sidecar's snapshots: what it was sent, what it has taken. One push is in flight at
 * a time, and behind it waits only the newest snapshot: a slow sidecar skips versions and costs no memory.
 */
export class Subscription {
  readonly #options: SubscriptionOptions
  #ackedVersion: string | undefined
  /** What the sidecar holds; unknown for the version it came with. */
  #base: Snapshot | undefined
  #inFlight: InFlight | undefined
  #waiting: Snapshot | undefined
  #rejection: Rejection | undefined
  #nonce = 0
  #offer = 0
  #ackedOffer = 0

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.#ackedVersion = options.version
  }

  get ackedVersion(): string | undefined {
    return this.#ackedVersion
  }

  get sentVersion(): string | undefined {
    return this.#inFlight?.snapshot.version
  }

  /** The last nack, until a later version is acked. */
  get rejection(): Rejection | undefined {
    return this.#rejection
  }

  /** Number of the newest offer; offers count from 1. */
  get newestOffer(): number {
    return this.#offer
  }

  /** The sidecar runs on this offer or on what is equal to it. */
  get ackedOffer(): number {
    return this.#ackedOffer
  }

  /** Hands over the newest snapshot; it is pushed as soon as the sidecar has answered the last one. */
  offer(snapshot: Snapshot): void {
    this.#offer++
    if (this.#inFlight === undefined) this.#advance(snapshot)
    else this.#waiting = snapshot
  }

  /** @returns whether it answers the push in flight; one that does not is late or made up, and ignored. */
  acked({ nonce }: Ack): boolean {
    const answered = this.#takeAnswered(nonce)
    if (answered === undefined) return false
    this.#base = answered.snapshot
    this.#ackedVersion = answered.snapshot.version
    this.#rejection = undefined
    this.#acknowledge(answered.offer)
    this.#advance(this.#waiting)
    return true
  }

  /** @returns as {@link acked}. */
  nacked({ nonce, problems, wants }: Nack): boolean {
    const answered = this.#takeAnswered(nonce)
    if (answered === undefined) return false
    const { version } = answered.snapshot
    const repeatable = wants === 'snapshot' && this.#base !== undefined
    if (wants === 'snapshot') this.#base = undefined
    if (!repeatable) this.#rejection = { version, problems }
    this.#advance(this.#waiting ?? (repeatable ? answered.snapshot : undefined))
    return true
  }

  close(): void {
    clearTimeout(this.#inFlight?.timer)
    this.#inFlight = undefined
  }

  #takeAnswered(nonce: number): InFlight | undefined {
    const inFlight = this.#inFlight
    if (inFlight?.nonce !== nonce) return undefined
    clearTimeout(inFlight.timer)
    this.#inFlight = undefined
    return inFlight
  }

  #advance(snapshot: Snapshot | undefined): void {
    this.#waiting = undefined
    if (snapshot === undefined) return
    if (snapshot.version === this.#ackedVersion) {
      this.#base = snapshot
      this.#rejection = undefined
      this.#acknowledge(this.#offer)
      return
    }
    // What was refused once as it is will be refused again.
    if (snapshot.version === this.#rejection?.version) return
    this.#push(snapshot)
  }

  #push(snapshot: Snapshot): void {
    const { answerTimeoutMs, onStalled, send } = this.#options
    const nonce = ++this.#nonce
    const timer = setTimeout(onStalled, answerTimeoutMs)
    this.#inFlight = { snapshot, nonce, timer, offer: this.#offer }
    send({ type: 'push', nonce, version: snapshot.version, content: this.#contentFor(snapshot) })
  }

  #contentFor(snapshot: Snapshot): Push['content'] {
    const base = this.#base
    if (base === undefined) return { kind: 'snapshot', snapshot }
    return { kind: 'delta', base: base.version, changes: changesBetween(base, snapshot) }
  }

  #acknowledge(offer: number): void {
    this.#ackedOffer = offer
    this.#options.onAcked()
  }
}
