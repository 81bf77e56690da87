/** Bounds the requests in flight to a cluster. */
export class ConcurrencyLimit {
  /** May be changed while requests are in flight: those beyond a lowered limit finish. */
  max: number
  #active = 0

  constructor(max: number) {
    this.max = max
  }

  get active(): number {
    return this.#active
  }

  /** A caller that got true must call {@link release} exactly once. */
  tryAcquire(): boolean {
    if (this.#active >= this.max) return false
    this.#active++
    return true
  }

  release(): void {
    this.#active--
  }
}
