import type { BigIntStats } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Now } from '../../base/clock.ts'
import { fingerprint } from './event-file.ts'

/** A file that was seen, and since when it is as it is. */
export interface SeenFile {
  readonly name: string
  readonly fingerprint: string
  readonly size: number
  /** It is left alone before, monotonic ms. */
  readyAt: number
  /** In a row, of whatever is to be done with it. */
  failures: number
  /** Its event is in the queue, and the file is still there. */
  emitted: boolean
}

/** More files than these are looked at when some of them have gone. */
const maxSeen = 10_000
/** So many are handed out at once. */
const maxBatch = 100
const unfinished = /^\.|\.(?:tmp|part)$/

export interface Batch {
  readonly files: readonly SeenFile[]
  /** When it is worth while to look again, monotonic ms. */
  readonly nextAt: number
  /** Names that are no UTF-8, or have characters that no subject can have. */
  readonly unusable: readonly string[]
}

/**
 * Files of a folder that nobody writes to any more: their size and times were the same for `settleMs`, by our own
 * clock, because that of a file server may differ.
 */
export class SettlingFiles {
  readonly #directory: string
  readonly #settleMs: number
  readonly #now: Now
  #seen = new Map<string, SeenFile>()

  constructor(directory: string, settleMs: number, now: Now) {
    this.#directory = directory
    this.#settleMs = settleMs
    this.#now = now
  }

  /** @throws when the folder can't be read. */
  async look(): Promise<Batch> {
    const files: SeenFile[] = []
    const unusable: string[] = []
    const present = new Map<string, SeenFile>()
    let nextAt = Number.POSITIVE_INFINITY
    for await (const { name } of await opendir(this.#directory)) {
      if (unfinished.test(name)) continue
      if (/[\ufffd\p{Cc}\p{Noncharacter_Code_Point}]/u.test(name)) {
        if (unusable.length < maxBatch) unusable.push(name)
        continue
      }
      const file = await this.#observe(name)
      if (file === undefined) continue
      present.set(name, file)
      if (file.readyAt <= this.#now()) files.push(file)
      else nextAt = Math.min(nextAt, file.readyAt)
      if (files.length === maxBatch) return this.#partOf(present, { files, nextAt: 0, unusable })
      if (present.size === maxSeen) break
    }
    this.#seen = present
    return { files, nextAt, unusable }
  }

  /** The rest of the folder was not read, and what is known of it stays. */
  #partOf(present: ReadonlyMap<string, SeenFile>, batch: Batch): Batch {
    if (this.#seen.size + present.size > 2 * maxSeen) this.#seen = new Map(present)
    for (const [name, file] of present) this.#seen.set(name, file)
    return batch
  }

  async #observe(name: string): Promise<SeenFile | undefined> {
    const stats = await this.#stat(name)
    if (stats === undefined) return undefined
    const mark = fingerprint(name, stats)
    const earlier = this.#seen.get(name)
    if (earlier?.fingerprint === mark) return earlier
    const readyAt = this.#now() + this.#settleMs
    return {
      name,
      fingerprint: mark,
      size: Number(stats.size),
      readyAt,
      failures: 0,
      emitted: false,
    }
  }

  /** Undefined: no file, or gone. Links are none: they would let us read what their maker can't. */
  async #stat(name: string): Promise<BigIntStats | undefined> {
    try {
      const stats = await lstat(join(this.#directory, name), { bigint: true })
      return stats.isFile() ? stats : undefined
    } catch {
      return undefined
    }
  }
}
