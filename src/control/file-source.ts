import { watch, type FSWatcher } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { loadConfiguration, type LoadResult } from '../model/configuration.ts'

/** After the last event for this long, a save is taken to be over: editors write in several steps. */
const quietMs = 50

/** Looks again although no event came: some file systems send none (network mounts, bind mounts of one file). */
const pollMs = 1000

/** Configuration in a file or a folder, followed as it changes. */
export class FileSource {
  readonly #path: string
  #watcher: FSWatcher | undefined
  #poll: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #loading: Promise<void> = Promise.resolve()
  #seen = ''
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  /** Never rejects: what is wrong is in the result's problems. */
  async load(): Promise<LoadResult> {
    return loadConfiguration(this.#path)
  }

  /** Calls back after each change, with problems or without, one call at a time. */
  async watch(onChange: (result: LoadResult) => void): Promise<void> {
    const isFolder = await stat(this.#path).then(
      stats => stats.isDirectory(),
      () => false,
    )
    this.#seen = await this.#fingerprint()
    // A file is watched through its folder: editors replace it, and the watch would follow the old one.
    const folder = isFolder ? this.#path : dirname(this.#path)
    const reload = (): void => this.#reloadSoon(onChange)
    this.#watcher = watch(folder, (_event, name) => {
      if (isFolder || name === null || name === basename(this.#path)) reload()
    })
    this.#watcher.on('error', reload)
    this.#poll = setInterval(() => void this.#lookAgain(reload), pollMs)
    this.#poll.unref()
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearInterval(this.#poll)
    clearTimeout(this.#quiet)
  }

  #reloadSoon(onChange: (result: LoadResult) => void): void {
    clearTimeout(this.#quiet)
    if (this.#closed) return
    this.#quiet = setTimeout(() => {
      this.#loading = this.#loading.then(async () => {
        this.#seen = await this.#fingerprint()
        const result = await this.load()
        if (!this.#closed) onChange(result)
      })
    }, quietMs)
  }

  async #lookAgain(reload: () => void): Promise<void> {
    if ((await this.#fingerprint()) !== this.#seen) reload()
  }

  /** Changes whenever the path's own entry does. */
  async #fingerprint(): Promise<string> {
    return stat(this.#path).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => 'missing',
    )
  }
}
