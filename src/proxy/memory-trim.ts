/** The process's memory; handed in by the program's entry, since only it may touch the process. */
export interface ProcessMemory {
  /** Resident bytes. */
  resident(): number
  /** Collects all garbage and gives free pages back to the system; stops everything for some 15 ms. */
  trim(): void
}

/** Without a request for so long, nobody feels the pause. */
const idleMs = 2000
/** Less than this above the last trim's result is not worth it. */
const growthBytes = 2 * 1024 * 1024

/**
 * Gives memory back when a busy time, or the start, is over: V8 keeps pages that it once had until it allocates
 * again, which an idle sidecar does not.
 */
export class MemoryTrim {
  readonly #memory: ProcessMemory
  /** A number that changes with every bit of work. */
  readonly #work: () => number
  #lastWork: number
  #idleSince: number
  #afterTrim = 0

  constructor(memory: ProcessMemory, work: () => number, now: number) {
    this.#memory = memory
    this.#work = work
    this.#lastWork = work()
    this.#idleSince = now
  }

  /** Called about once a second with monotonic milliseconds. */
  sweep(now: number): void {
    const work = this.#work()
    if (work !== this.#lastWork) {
      this.#lastWork = work
      this.#idleSince = now
      return
    }
    if (now - this.#idleSince < idleMs) return
    this.#idleSince = now
    if (this.#memory.resident() < this.#afterTrim + growthBytes) return
    this.#memory.trim()
    this.#afterTrim = this.#memory.resident()
  }
}
