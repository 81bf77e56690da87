/** Share of a new sample: the last ten or so decide. */
const weight = 0.2

/** A moving mean of durations. */
export class MeanTime {
  #ms: number | undefined

  /** Undefined before the first sample. */
  get ms(): number | undefined {
    return this.#ms
  }

  observe(ms: number): void {
    this.#ms = this.#ms === undefined ? ms : this.#ms + weight * (ms - this.#ms)
  }
}
