import type { LeaseHandle } from './protocol.ts'

interface Held {
  readonly token: number
  /** Monotonic or anchored ms, as the caller's clock has it. */
  expiresAt: number
}

/**
 * Who works on which row. In memory only: a process that was killed holds nothing, so that what it had taken is taken
 * again by the next at once. As many at most as there are rows.
 */
export class Leases {
  readonly #held = new Map<number, Held>()
  #tokens = 0

  get size(): number {
    return this.#held.size
  }

  /** When the first runs out; undefined when there is none that does. */
  get nextExpiry(): number | undefined {
    const next = Math.min(...[...this.#held.values()].map(({ expiresAt }) => expiresAt))
    return Number.isFinite(next) ? next : undefined
  }

  isFree(row: number, at: number): boolean {
    const held = this.#held.get(row)
    return held === undefined || held.expiresAt <= at
  }

  grant(row: number, expiresAt: number): LeaseHandle {
    const token = ++this.#tokens
    this.#held.set(row, { token, expiresAt })
    return { row, token }
  }

  /** One that ran out still holds while nobody else has it. */
  holds({ row, token }: LeaseHandle): boolean {
    return this.#held.get(row)?.token === token
  }

  extend(handle: LeaseHandle, expiresAt: number): boolean {
    const held = this.#held.get(handle.row)
    if (held?.token !== handle.token) return false
    held.expiresAt = expiresAt
    return true
  }

  release(row: number): void {
    this.#held.delete(row)
  }

  clear(): void {
    this.#held.clear()
  }
}
