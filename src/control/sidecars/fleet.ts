import type { Subscribed } from '../../discovery/message.ts'
import type { Subscription } from '../../discovery/subscription.ts'
import { workloadKey, type WorkloadName } from './workload-key.ts'

/** A sidecar with a live stream. */
export interface Subscriber {
  readonly workload: WorkloadName
  /** SPIFFE ID that its stream has proven. */
  readonly identity: string
  readonly build: string
  /** Wall clock, ms since 1970. */
  readonly connectedAt: number
  readonly services: Subscribed
  /** The function that it hosts, as its join token said. */
  readonly hosts: string | undefined
  /** As it was admitted. */
  readonly labels: Readonly<Record<string, string>>
  readonly subscription: Subscription
  /** Ends its stream: another one has taken its place. */
  replaced(): void
}

/** All sidecars that are connected now, one for each workload. */
export class Fleet {
  readonly #subscribers = new Map<string, Subscriber>()
  readonly #waiting = new Set<() => void>()

  get subscribers(): readonly Subscriber[] {
    return [...this.#subscribers.values()]
  }

  has(workload: WorkloadName): boolean {
    return this.#subscribers.has(workloadKey(workload))
  }

  /** A sidecar whose old stream is half dead comes back on a new one, which counts. */
  join(subscriber: Subscriber): void {
    const key = workloadKey(subscriber.workload)
    const former = this.#subscribers.get(key)
    this.#subscribers.set(key, subscriber)
    former?.replaced()
    this.progressed()
  }

  /** @returns whether it was still the one for its workload. */
  part(subscriber: Subscriber): boolean {
    const key = workloadKey(subscriber.workload)
    if (!this.#isConnected(subscriber)) return false
    this.#subscribers.delete(key)
    this.progressed()
    return true
  }

  /** Of one that is gone, says who knows: if it lives after all, it comes back and makes itself known anew. */
  end(workload: WorkloadName): void {
    this.#subscribers.get(workloadKey(workload))?.replaced()
  }

  /** To be called when a subscriber has acked: may settle what is waited for. */
  progressed(): void {
    for (const check of this.#waiting) check()
  }

  /**
   * Whether, before the time is up, all connected subscribers but one have acked what they were last offered before
   * this call, or something newer. One that disconnects is not waited for; one that connects meanwhile is.
   */
  async settled(except: Subscriber, timeoutMs: number): Promise<boolean> {
    const offers = new Map(
      this.subscribers.map(subscriber => [subscriber, subscriber.subscription.newestOffer]),
    )
    const isSettled = (): boolean =>
      this.subscribers.every(
        subscriber =>
          subscriber === except ||
          subscriber.subscription.ackedOffer >= (offers.get(subscriber) ?? 1),
      )
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const check = (): void => {
      if (isSettled()) resolve(true)
      else if (!this.#isConnected(except)) resolve(false)
    }
    const timer = setTimeout(() => resolve(false), timeoutMs)
    this.#waiting.add(check)
    check()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(check)
    }
  }

  #isConnected(subscriber: Subscriber): boolean {
    return this.#subscribers.get(workloadKey(subscriber.workload)) === subscriber
  }
}
