import { watch, type FSWatcher } from 'node:fs'
import { stat } from 'node:fs/promises'

/** A watch on a folder that may be replaced by another of the same name. Events are hints: it may lose any. */
export class FileWatch {
  readonly #directory: string
  readonly #onChange: () => void
  #watcher: FSWatcher | undefined
  #watched = ''

  constructor(directory: string, onChange: () => void) {
    this.#directory = directory
    this.#onChange = onChange
  }

  /**
   * Makes sure that the folder that is there now is watched.
   * @throws when there is none.
   */
  async renew(): Promise<void> {
    const { ino, birthtimeNs } = await stat(this.#directory, { bigint: true })
    // A new folder may have the inode of the one that was removed.
    const folder = `${ino} ${birthtimeNs}`
    if (this.#watcher !== undefined && this.#watched === folder) return
    this.close()
    this.#watched = folder
    try {
      this.#watcher = watch(this.#directory, this.#onChange)
      this.#watcher.on('error', () => this.close())
    } catch {
      // Too many watches, or a file system without: looking again has to do.
    }
  }

  close(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
