import { backoff } from '../../../base/backoff.ts'
import { jitter, type Random } from '../../../base/random.ts'
import type { ResolveName } from './name-resolver.ts'

/** More are not taken of one name. */
const maxAddresses = 64

/** TTLs are believed within these bounds: a shorter one would ask without end, a longer one outlive the address. */
const ttlBounds = { min: 5000, max: 300_000 } as const
/** Where nobody says it. */
const defaultTtlMs = 30_000
/** So that a fleet does not ask in step. */
const ttlJitter = 0.1
const retryBounds = { baseMs: 1000, maxMs: 30_000 } as const

export interface NameWatchOptions {
  readonly resolve: ResolveName
  readonly random: Random
  /** After each answer that is other than the last one, and after the first failure. */
  readonly onChange: (watch: NameWatch) => void
}

/** Asks for a name again and again, and keeps the last good answer while there is no other. */
export class NameWatch {
  readonly name: string
  /** Sorted; empty before the first answer. */
  addresses: readonly string[] = []
  /** Why the last question failed; undefined when it did not. */
  failure: string | undefined
  readonly #options: NameWatchOptions
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** The first question is asked at once. */
  constructor(name: string, options: NameWatchOptions) {
    this.name = name
    this.#options = options
    void this.#ask()
  }

  /** Nobody has answered yet, and nobody has failed to. */
  get pending(): boolean {
    return this.addresses.length === 0 && this.failure === undefined
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  async #ask(): Promise<void> {
    const { resolve, random, onChange } = this.#options
    const wasPending = this.pending
    let waitMs: number
    let changed = wasPending
    try {
      const { addresses, ttlMs = defaultTtlMs } = await resolve(this.name)
      const found = [...new Set(addresses)].toSorted().slice(0, maxAddresses)
      changed ||= found.join() !== this.addresses.join()
      this.addresses = found
      this.failure = undefined
      this.#failures = 0
      waitMs = jitter(Math.max(ttlBounds.min, Math.min(ttlBounds.max, ttlMs)), ttlJitter, random)
    } catch (error) {
      changed ||= this.failure === undefined
      this.failure = (error as Error).message
      waitMs = backoff(++this.#failures, retryBounds, random)
    }
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#ask(), waitMs)
    if (changed) onChange(this)
  }
}
