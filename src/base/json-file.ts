import { readFile } from 'node:fs/promises'
import { writeFileAtomically } from './atomic-file.ts'

/** A JSON document on disk that follows a value in memory. Writes do not overlap; the newest value wins. */
export class JsonFile<T> {
  readonly #path: string
  #next: { readonly value: T } | undefined
  #writing: Promise<void> | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Undefined when there is no file yet. @throws Error naming the file when it is damaged. */
  async read(): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as T
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new Error(`${this.#path}: cannot be read`, { cause: error })
    }
  }

  /** Resolves when this value, or a newer one, is on disk. */
  write(value: T): Promise<void> {
    this.#next = { value }
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined))
    return this.#writing
  }

  async #drain(): Promise<void> {
    while (this.#next !== undefined) {
      const { value } = this.#next
      this.#next = undefined
      await writeFileAtomically(this.#path, JSON.stringify(value))
    }
  }
}
