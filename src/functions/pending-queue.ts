import type { Invocation } from './invocation.ts'

export interface QueueLimits {
  readonly maxCount: number
  /** Of payloads. */
  readonly maxBytes: number
}

export interface Queued {
  readonly invocation: Invocation
  /** Monotonic ms. */
  readonly since: number
  readonly expiresAt: number
}

/** Invocations that wait for an instance, in the order in which they came. Bounded by count and by bytes. */
export class PendingQueue {
  readonly #limits: QueueLimits
  readonly #entries = new Map<string, Queued>()
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Since when the first has waited; undefined when nothing waits. */
  get oldestSince(): number | undefined {
    const [first] = this.#entries.values()
    return first?.since
  }

  /** @returns false when it would pass a bound. */
  push(entry: Queued): boolean {
    const { maxCount, maxBytes } = this.#limits
    const { payload, id } = entry.invocation
    if (this.#entries.size >= maxCount || this.#bytes + payload.length > maxBytes) return false
    this.#entries.set(id, entry)
    this.#bytes += payload.length
    return true
  }

  shift(): Queued | undefined {
    const [first] = this.#entries.values()
    if (first !== undefined) this.remove(first.invocation.id)
    return first
  }

  /** @returns whether it was still waiting. */
  remove(id: string): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined) return false
    this.#entries.delete(id)
    this.#bytes -= entry.invocation.payload.length
    return true
  }

  /** Takes out all that have waited long enough at `now`. */
  removeExpired(now: number): Queued[] {
    const expired = [...this.#entries.values()].filter(({ expiresAt }) => expiresAt <= now)
    for (const { invocation } of expired) this.remove(invocation.id)
    return expired
  }

  removeAll(): Queued[] {
    const all = [...this.#entries.values()]
    this.#entries.clear()
    this.#bytes = 0
    return all
  }
}
