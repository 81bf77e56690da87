/** One wait for the next call of {@link WakeUp.all}. It counts from when it was asked for, not from its first use. */
interface Woken {
  /** Resolves at the call, after `ms`, or when `signal` is aborted. */
  within(ms: number, signal: AbortSignal): Promise<void>
}

/** Wakes those who wait for something to happen. */
export class WakeUp {
  readonly #sleepers = new Set<() => void>()
  #calls = 0

  all(): void {
    this.#calls++
    for (const wake of this.#sleepers) wake()
  }

  next(): Woken {
    const before = this.#calls
    return {
      within: (ms, signal) =>
        this.#calls === before && !signal.aborted ? this.#sleep(ms, signal) : Promise.resolve(),
    }
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      signal.addEventListener('abort', wake)
      this.#sleepers.add(wake)
    })
  }
}
