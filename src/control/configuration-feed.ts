import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Configuration, LoadResult } from '../model/configuration.ts'
import { formatProblem, type ConfigurationProblem } from '../model/problem.ts'
import type { ConfigurationSource } from './configuration-source.ts'
import type { ConfigurationStatus } from './status.ts'

/** The configuration on disk cannot be used; the message holds all problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'

  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(formatProblem).join('\n'))
  }
}

/** Of one change, in the log; `weft status` has all. */
const maxLogged = 20

export interface ConfigurationFeedOptions {
  readonly source: ConfigurationSource
  readonly logger: Logger
  /** Wall clock. */
  readonly now: Now
}

/** Follows the configuration on disk from one good state to the next: an edit with a problem changes nothing. */
export class ConfigurationFeed {
  readonly #options: ConfigurationFeedOptions
  #configuration: Configuration
  #problems: readonly ConfigurationProblem[] = []
  #leftOut: readonly ConfigurationProblem[] = []
  #loadedAt: number
  #onChange: () => void = () => {}

  private constructor(loaded: LoadResult, options: ConfigurationFeedOptions) {
    this.#options = options
    this.#configuration = loaded.configuration
    this.#loadedAt = options.now()
    this.#leaveOut(loaded.leftOut)
  }

  /** @throws ConfigurationError: there is no last good configuration to go on with. */
  static async open(options: ConfigurationFeedOptions): Promise<ConfigurationFeed> {
    const loaded = await options.source.load()
    if (loaded.problems.length > 0) throw new ConfigurationError(loaded.problems)
    return new ConfigurationFeed(loaded, options)
  }

  /** The last good one. */
  get configuration(): Configuration {
    return this.#configuration
  }

  get status(): ConfigurationStatus {
    const leftOut = this.#leftOut.length > 0 && { leftOut: this.#leftOut }
    return {
      loadedAt: new Date(this.#loadedAt).toISOString(),
      problems: this.#problems,
      ...leftOut,
    }
  }

  /** Begins to watch, and reads once more: an edit since the first reading would go unseen. */
  async follow(onChange: () => void): Promise<void> {
    const { source } = this.#options
    this.#onChange = onChange
    let isOvertaken = false
    await source.watch(result => {
      isOvertaken = true
      this.#take(result)
    })
    const result = await source.load()
    if (!isOvertaken) this.#take(result)
  }

  close(): void {
    this.#options.source.close()
  }

  #take({ configuration, problems, leftOut }: LoadResult): void {
    const { logger, now } = this.#options
    this.#problems = problems
    if (problems.length > 0) {
      const list = problems.map(formatProblem)
      logger.error({ problems: list }, 'the configuration has problems, the last good one stays')
      return
    }
    this.#configuration = configuration
    this.#loadedAt = now()
    this.#leaveOut(leftOut)
    this.#onChange()
  }

  #leaveOut(leftOut: readonly ConfigurationProblem[] = []): void {
    const known = new Set(this.#leftOut.map(formatProblem))
    const added = leftOut.map(formatProblem).filter(problem => !known.has(problem))
    this.#leftOut = leftOut
    if (added.length > 0)
      this.#options.logger.warn({ problems: added.slice(0, maxLogged) }, 'objects are left out')
  }
}
