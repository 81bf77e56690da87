import { watch, type FSWatcher, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import {
  configurationFiles,
  isConfigurationFile,
  loadConfiguration,
  type LoadOptions,
  type LoadResult,
} from '../model/configuration.ts'
import type { ConfigurationSource } from './configuration-source.ts'

/** After the last event for this long, a save is taken to be over: editors write in several steps. */
const quietMs = 50

/** Looks again although no event came: some file systems send none (network mounts, bind mounts of one file). */
const pollMs = 1000

/** Configuration in a file or a folder, followed as it changes. */
export class FileSource implements ConfigurationSource {
  readonly #path: string
  readonly #options: LoadOptions
  #watcher: FSWatcher | undefined
  #poll: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #loading: Promise<void> = Promise.resolve()
  #seen = ''
  #closed = false

  constructor(path: string, options: LoadOptions = {}) {
    this.#path = path
    this.#options = options
  }

  /** Never rejects: what is wrong is in the result's problems. */
  async load(): Promise<LoadResult> {
    return loadConfiguration(this.#path, this.#options)
  }

  /** Calls back after each change, with problems or without, one call at a time. Resolves when it watches. */
  async watch(onChange: (result: LoadResult) => void): Promise<void> {
    const isFolder = await stat(this.#path).then(
      stats => stats.isDirectory(),
      () => false,
    )
    this.#seen = await this.#fingerprint()
    if (this.#closed) return
    const reload = (): void => this.#reloadSoon(onChange)
    this.#watcher = this.#watchFolder(isFolder, reload)
    this.#poll = setInterval(() => void this.#lookAgain(reload), pollMs)
    this.#poll.unref()
  }

  close(): void {
    this.#closed = true
    this.#watcher?.close()
    clearInterval(this.#poll)
    clearTimeout(this.#quiet)
  }

  /** A file is watched through its folder: editors replace it, and the watch would follow the old one. */
  #watchFolder(isFolder: boolean, reload: () => void): FSWatcher | undefined {
    const file = basename(this.#path)
    const concernsUs = (name: string): boolean =>
      isFolder ? isConfigurationFile(name) : name === file
    try {
      const watcher = watch(isFolder ? this.#path : dirname(this.#path), (_event, name) => {
        if (name === null || concernsUs(name)) reload()
      })
      return watcher.on('error', reload)
    } catch {
      // There is no such folder yet, or too many watches: looking again has to do.
      return undefined
    }
  }

  #reloadSoon(onChange: (result: LoadResult) => void): void {
    clearTimeout(this.#quiet)
    if (this.#closed) return
    this.#quiet = setTimeout(() => {
      this.#loading = this.#loading.then(() => this.#reload(onChange))
    }, quietMs)
  }

  async #reload(onChange: (result: LoadResult) => void): Promise<void> {
    const fingerprint = await this.#fingerprint()
    if (fingerprint === this.#seen) return
    this.#seen = fingerprint
    const result = await this.load()
    if (!this.#closed) onChange(result)
  }

  async #lookAgain(reload: () => void): Promise<void> {
    if ((await this.#fingerprint()) !== this.#seen) reload()
  }

  /** Changes whenever one of the files does, and when there is one more or less. */
  async #fingerprint(): Promise<string> {
    const files = await configurationFiles(this.#path).catch(() => [])
    return (await Promise.all(files.map(markOf))).join('\n')
  }
}

async function markOf(file: string): Promise<string> {
  const mark = ({ mtimeMs, size, ino }: Stats): string => `${file} ${mtimeMs} ${size} ${ino}`
  return stat(file).then(mark, () => `${file} missing`)
}
