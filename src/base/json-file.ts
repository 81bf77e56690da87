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

  /** Resolves when this value, or a newer one, is on disk. Rejects when the newest could not be written. */
  write(value: T): Promise<void> {
    this.#next = { value }
    this.#writing ??= this.#drain()
    return this.#writing
  }

  async #drain(): Promise<void> {
    try {
      while (this.#next !== undefined) await this.#writeNext(this.#next.value)
    } finally {
      // Here and not after the promise: a write in the microtask between would be forgotten.
      this.#writing = undefined
    }
  }

  async #writeNext(value: T): Promise<void> {
    this.#next = undefined
    try {
      await writeFileAtomically(this.#path, JSON.stringify(value))
    } catch (error) {
      // A newer value stands for this one too.
      if (this.#next === undefined) throw error
    }
  }
}
