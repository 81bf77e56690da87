/** Bounds the requests in flight to a cluster. */
export class ConcurrencyLimit {
  /** May be changed while requests are in flight: those beyond a lowered limit finish. */
  max: number
  /** Bounds those that are {@link exempt} as well. */
  ceiling = Number.POSITIVE_INFINITY
  #active = 0
  #exempt = 0

  constructor(max: number) {
    this.max = max
  }

  get active(): number {
    return this.#active
  }

  /** In flight, and bounded by `max`. */
  get counted(): number {
    return this.#active - this.#exempt
  }

  /** A caller that got true must call {@link release} exactly once. */
  tryAcquire(): boolean {
    if (this.#active - this.#exempt >= this.max || this.#active >= this.ceiling) return false
    this.#active++
    return true
  }

  /** One in flight no longer counts against `max`, and says so when it is released. */
  exempt(): void {
    this.#exempt++
  }

  release(wasExempt = false): void {
    this.#active--
    if (wasExempt) this.#exempt--
  }
}
