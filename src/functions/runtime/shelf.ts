/** Something made ahead. */
export interface ShelfItem {
  /** It can be taken. */
  readonly ready: boolean
  /** Nobody wants it. Its `onLost` follows. */
  end(): void
}

export interface ShelfEvents {
  /** Not before `make` has returned. */
  readonly onReady: () => void
  /** It has ended, and was never taken. Not before `make` has returned. */
  readonly onLost: (reason: string) => void
}

export interface ShelfOptions<T extends ShelfItem> {
  readonly make: (events: ShelfEvents) => T
  /** Told once a series: they end as soon as they are made. */
  readonly onTrouble: (reason: string) => void
}

/** A start has the processors to itself: what it took is put back when none has followed for so long. */
const quietMs = 500
const firstRestMs = 1000
const longestRestMs = 60_000

/** A number of things made ahead, put back when taken. They are made one after another. */
export class Shelf<T extends ShelfItem> {
  readonly #options: ShelfOptions<T>
  readonly #items = new Set<T>()
  readonly #onEmpty: (() => void)[] = []
  #count = 0
  #failures = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: ShelfOptions<T>) {
    this.#options = options
  }

  /** How many can be taken now. */
  get ready(): number {
    return [...this.#items].filter(({ ready }) => ready).length
  }

  resize(count: number): void {
    this.#count = count
    for (const item of [...this.#items].slice(count)) item.end()
    if (this.#timer === undefined) this.#fill()
  }

  take(): T | undefined {
    for (const item of this.#items) {
      if (!item.ready) continue
      this.#items.delete(item)
      this.#fillIn(quietMs)
      return item
    }
    return undefined
  }

  /** Resolves when all of them are gone. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.resize(0)
    if (this.#items.size > 0) await new Promise<void>(resolve => this.#onEmpty.push(resolve))
  }

  #fill(): void {
    if (this.#items.size > this.ready || this.#items.size >= this.#count) return
    const item: T = this.#options.make({
      onReady: () => {
        this.#failures = 0
        if (this.#timer === undefined) this.#fill()
      },
      onLost: reason => this.#lost(item, reason),
    })
    this.#items.add(item)
  }

  #lost(item: T, reason: string): void {
    this.#items.delete(item)
    if (this.#items.size === 0) for (const empty of this.#onEmpty.splice(0)) empty()
    if (this.#count === 0) return
    if (this.#failures++ === 1) this.#options.onTrouble(reason)
    this.#fillIn(Math.min(longestRestMs, firstRestMs * 2 ** (this.#failures - 1)))
  }

  #fillIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#fill()
    }, ms)
    this.#timer.unref()
  }
}
