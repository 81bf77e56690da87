import type { Socket } from 'node:net'

/**
 * Knows how long a connection has been still, by looking at its byte counters about once a second: bytes
 * themselves then need not read the clock.
 */
export class IdleWatch {
  readonly #socket: Socket
  #bytes = 0
  #movedAt: number
  /** Since when a head is awaited; undefined while none is. */
  #headSince: number | undefined
  /** No head has come yet. */
  fresh = true

  constructor(socket: Socket, now: number) {
    this.#socket = socket
    this.#movedAt = now
    this.#headSince = now
  }

  headDone(): void {
    this.fresh = false
    this.#headSince = undefined
  }

  /** ms since the head that is now being read began, as far as the sweeps have seen. */
  headAge(now: number): number {
    this.#headSince ??= now
    return now - this.#headSince
  }

  /** ms without a byte in either direction. */
  idleFor(now: number): number {
    const bytes = this.#socket.bytesRead + this.#socket.bytesWritten
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#movedAt = now
    }
    return now - this.#movedAt
  }
}
