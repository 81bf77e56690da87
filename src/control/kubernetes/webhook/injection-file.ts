import { readFile } from 'node:fs/promises'
import type { Logger } from '../../../base/log.ts'
import { parseDocuments } from '../../../model/parsing/document.ts'
import { formatProblem } from '../../../model/problem.ts'
import { injectionSettings, type InjectionSettings } from '../injection/injection-settings.ts'

/** A mounted ConfigMap is replaced by turning a link over, which not every watch sees; reading it costs next to nothing. */
const lookMs = 2000

/** Settings of the injector in a YAML file, followed as it changes: an edit with a problem changes nothing. */
export class InjectionFile {
  readonly #path: string | undefined
  readonly #logger: Logger
  #settings: InjectionSettings
  #text: string
  #problems: readonly string[] = []
  #looking: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  private constructor(path: string | undefined, logger: Logger, text: string) {
    this.#path = path
    this.#logger = logger
    this.#text = text
    const result = parse(path ?? '', text)
    if ('problems' in result) throw new Error(result.problems.join('\n'))
    this.#settings = result.settings
  }

  /**
   * @param path undefined: the defaults, for ever.
   * @throws Error with all problems, one a line: there is no last good one.
   */
  static async open(path: string | undefined, logger: Logger): Promise<InjectionFile> {
    const file = new InjectionFile(
      path,
      logger,
      path === undefined ? '' : await readFile(path, 'utf8'),
    )
    if (path !== undefined) file.#timer = setInterval(() => void file.look(), lookMs).unref()
    return file
  }

  /** The last good ones. */
  get settings(): InjectionSettings {
    return this.#settings
  }

  /** Of an edit that was not taken over. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** Reads it again. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#read())
    return this.#looking
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #read(): Promise<void> {
    if (this.#path === undefined) return
    try {
      const text = await readFile(this.#path, 'utf8')
      if (text !== this.#text) this.#take(this.#path, text)
    } catch (error) {
      this.#tell([(error as Error).message])
    }
  }

  #take(path: string, text: string): void {
    this.#text = text
    const result = parse(path, text)
    if ('problems' in result) {
      this.#tell(result.problems)
      return
    }
    this.#settings = result.settings
    this.#problems = []
    this.#logger.info({ path }, 'the injector has new settings')
  }

  /** Once for each new problem. */
  #tell(problems: readonly string[]): void {
    const isKnown = problems.join('\n') === this.#problems.join('\n')
    this.#problems = problems
    if (isKnown) return
    this.#logger.error({ problems }, "the injector's settings have problems, the last good stay")
  }
}

function parse(
  path: string,
  text: string,
): { readonly settings: InjectionSettings } | { readonly problems: readonly string[] } {
  const { documents, problems } = parseDocuments(path, text)
  if (problems.length > 0) return { problems: problems.map(formatProblem) }
  const [document, second] = documents
  if (second !== undefined)
    return { problems: [formatProblem(second.problem([], 'a second document: one is expected'))] }
  const result = injectionSettings.safeParse(document?.value ?? {})
  if (result.success) return { settings: result.data }
  const located = result.error.issues.map(issue => {
    const at = issue.path
    return document === undefined
      ? `${path}: ${issue.message}`
      : formatProblem(document.problem(at, issue.message))
  })
  return { problems: located }
}
