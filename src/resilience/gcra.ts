/** A quota as GCRA counts it; all times are ms of one monotonic clock. */
export interface GcraRate {
  /** Between two requests at a steady rate. */
  readonly intervalMs: number
  /** Requests at once, after a pause. */
  readonly burst: number
}

/** What is remembered of one key: when its quota will be whole again, the "theoretical arrival time". */
export interface GcraCell {
  wholeAt: number
}

/**
 * The generic cell rate algorithm (ITU-T I.371, annex A, virtual scheduling), a leaky bucket that needs one number a
 * key and no timer.
 * @returns ms until a request would conform; 0: it does now.
 */
export function gcraWaitMs({ intervalMs, burst }: GcraRate, cell: GcraCell, now: number): number {
  return Math.max(0, cell.wholeAt - (burst - 1) * intervalMs - now)
}

/** Takes a request that conforms into account. */
export function gcraTake({ intervalMs }: GcraRate, cell: GcraCell, now: number): void {
  cell.wholeAt = Math.max(cell.wholeAt, now) + intervalMs
}

/** Requests that would conform at once. */
export function gcraRemaining(
  { intervalMs, burst }: GcraRate,
  cell: GcraCell,
  now: number,
): number {
  const owedMs = Math.max(0, cell.wholeAt - now)
  return Math.max(0, Math.floor(burst - owedMs / intervalMs))
}

/** Idle cells looked at for room before a new key goes into the shared one. */
const maxLooks = 8

/**
 * Cells of many keys. Only a cell whose quota is whole is ever forgotten, which makes no difference to its key. Where
 * there is room for no more, further keys share one cell: whoever makes up keys shortens no one's memory, and gains
 * nothing.
 */
export class GcraTable {
  readonly #maxKeys: number
  readonly #cells = new Map<string, GcraCell>()
  readonly #shared: GcraCell = { wholeAt: 0 }

  /** @param maxKeys cells that are remembered; one takes about 100 bytes and its key. */
  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#cells.size
  }

  cell(key: string, now: number): GcraCell {
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    if (this.#cells.size >= this.#maxKeys && !this.#makeRoom(now)) return this.#shared
    // It may have been among those that share.
    const cell = { wholeAt: Math.max(now, this.#shared.wholeAt) }
    this.#cells.set(key, cell)
    return cell
  }

  /** Goes round the keys: those that are still counted are looked at again when all others have been. */
  #makeRoom(now: number): boolean {
    let looks = 0
    for (const [key, cell] of this.#cells) {
      this.#cells.delete(key)
      if (cell.wholeAt <= now) return true
      this.#cells.set(key, cell)
      if (++looks === maxLooks) return false
    }
    return false
  }
}
