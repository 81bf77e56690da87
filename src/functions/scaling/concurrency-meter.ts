/** How many invocations were there at a time since somebody last asked. */
export class ConcurrencyMeter {
  #current = 0
  /** Concurrency × ms since then. */
  #sum = 0
  #takenAt: number
  #changedAt: number

  constructor(now: number) {
    this.#takenAt = now
    this.#changedAt = now
  }

  get current(): number {
    return this.#current
  }

  /** There are so many from now on. */
  set(now: number, concurrency: number): void {
    this.#settle(now)
    this.#current = concurrency
  }

  /** The mean since the last call, and begins anew. Where no time has passed, what is there now. */
  take(now: number): number {
    this.#settle(now)
    const elapsedMs = now - this.#takenAt
    const mean = elapsedMs > 0 ? this.#sum / elapsedMs : this.#current
    this.#sum = 0
    this.#takenAt = now
    return mean
  }

  #settle(now: number): void {
    this.#sum += this.#current * (now - this.#changedAt)
    this.#changedAt = now
  }
}
