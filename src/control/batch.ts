export interface BatchOptions {
  /** After the last call for so long, it is over. */
  readonly quietMs: number
  /** From the first call, however many follow. */
  readonly maxMs: number
}

/** Makes one of many calls that come together. */
export class Batch {
  readonly #options: BatchOptions
  readonly #run: () => void
  #quiet: NodeJS.Timeout | undefined
  #end: NodeJS.Timeout | undefined

  constructor(options: BatchOptions, run: () => void) {
    this.#options = options
    this.#run = run
  }

  call(): void {
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => this.#finish(), this.#options.quietMs)
    this.#end ??= setTimeout(() => this.#finish(), this.#options.maxMs)
  }

  /** What has been called for is forgotten. */
  close(): void {
    clearTimeout(this.#quiet)
    clearTimeout(this.#end)
    this.#end = undefined
  }

  #finish(): void {
    this.close()
    this.#run()
  }
}
