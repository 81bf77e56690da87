/** One wait at a time, which ends early when somebody wakes the sleeper, or for good by `close`. */
export class Alarm {
  #ring: (() => void) | undefined
  #woken = false
  #closed = false

  /**
   * Whether it was woken, be it since the last wait: then there is none.
   * @param ms at most 24 days, the longest a timer takes.
   */
  async wait(ms: number): Promise<boolean> {
    if (!this.#woken && !this.#closed) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms)
        this.#ring = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    const woken = this.#woken
    this.#ring = undefined
    this.#woken = false
    return woken
  }

  wake(): void {
    this.#woken = true
    this.#ring?.()
  }

  close(): void {
    this.#closed = true
    this.#ring?.()
  }
}
