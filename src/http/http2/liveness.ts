export interface KeepAlive {
  /** Silence, with streams open, after which the peer is asked for a sign of life. */
  readonly pingAfterMs: number
  readonly pingTimeoutMs: number
}

export const defaultKeepAlive: KeepAlive = { pingAfterMs: 10_000, pingTimeoutMs: 5_000 }

/** Tells from the reads of a connection, at the pace of the sweep, whether its peer is still there. */
export class Liveness {
  readonly #keepAlive: KeepAlive
  #read = false
  #readAt: number
  #pingedAt: number | undefined

  constructor(keepAlive: KeepAlive, now: number) {
    this.#keepAlive = keepAlive
    this.#readAt = now
  }

  /** Something was read. Cheap: the next check puts a time to it. */
  noteRead(): void {
    this.#read = true
  }

  /** @param waiting the peer owes an answer. */
  check(now: number, waiting: boolean): 'alive' | 'ping' | 'dead' {
    if (this.#read) {
      this.#read = false
      this.#readAt = now
      this.#pingedAt = undefined
    }
    if (this.#pingedAt !== undefined)
      return now - this.#pingedAt >= this.#keepAlive.pingTimeoutMs ? 'dead' : 'alive'
    if (!waiting || now - this.#readAt < this.#keepAlive.pingAfterMs) return 'alive'
    this.#pingedAt = now
    return 'ping'
  }

  /** Milliseconds since the last read, as of the last check. */
  silentMs(now: number): number {
    return now - this.#readAt
  }
}
