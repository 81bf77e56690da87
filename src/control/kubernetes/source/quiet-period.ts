export interface QuietPeriodOptions {
  /** After the last of several changes. */
  readonly quietMs: number
  /** After the first, also when changes never end. */
  readonly maxDelayMs: number
  run(): void
}

/** Gathers changes that come close together: one run for all of them. */
export class QuietPeriod {
  readonly #options: QuietPeriodOptions
  #quiet: NodeJS.Timeout | undefined
  #limit: NodeJS.Timeout | undefined

  constructor(options: QuietPeriodOptions) {
    this.#options = options
  }

  touch(): void {
    const { quietMs, maxDelayMs } = this.#options
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => this.#end(), quietMs)
    this.#limit ??= setTimeout(() => this.#end(), maxDelayMs)
  }

  close(): void {
    clearTimeout(this.#quiet)
    clearTimeout(this.#limit)
    this.#limit = undefined
  }

  #end(): void {
    this.close()
    this.#options.run()
  }
}
