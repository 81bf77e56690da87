import type { Now } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Configuration, LoadResult } from '../model/configuration.ts'
import { formatProblem, type ConfigurationProblem } from '../model/problem.ts'
import type { FileSource } from './file-source.ts'
import type { ConfigurationStatus } from './status.ts'

/** The configuration on disk cannot be used; the message holds all problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'

  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(formatProblem).join('\n'))
  }
}

export interface ConfigurationFeedOptions {
  readonly source: Pick<FileSource, 'load' | 'watch' | 'close'>
  readonly logger: Logger
  /** Wall clock. */
  readonly now: Now
}

/** Follows the configuration on disk from one good state to the next: an edit with a problem changes nothing. */
export class ConfigurationFeed {
  readonly #options: ConfigurationFeedOptions
  #configuration: Configuration
  #problems: readonly ConfigurationProblem[] = []
  #loadedAt: number
  #onChange: () => void = () => {}

  private constructor(configuration: Configuration, options: ConfigurationFeedOptions) {
    this.#options = options
    this.#configuration = configuration
    this.#loadedAt = options.now()
  }

  /** @throws ConfigurationError: there is no last good configuration to go on with. */
  static async open(options: ConfigurationFeedOptions): Promise<ConfigurationFeed> {
    const { configuration, problems } = await options.source.load()
    if (problems.length > 0) throw new ConfigurationError(problems)
    return new ConfigurationFeed(configuration, options)
  }

  /** The last good one. */
  get configuration(): Configuration {
    return this.#configuration
  }

  get status(): ConfigurationStatus {
    return { loadedAt: new Date(this.#loadedAt).toISOString(), problems: this.#problems }
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

  #take({ configuration, problems }: LoadResult): void {
    const { logger, now } = this.#options
    this.#problems = problems
    if (problems.length > 0) {
      const list = problems.map(formatProblem)
      logger.error({ problems: list }, 'the configuration has problems, the last good one stays')
      return
    }
    this.#configuration = configuration
    this.#loadedAt = now()
    this.#onChange()
  }
}
