import type { Socket } from 'node:net'
import { blockBytes, blocks } from './block-pool.ts'

/**
 * A block in which outgoing bytes are gathered for few writes, and that goes back to its pool when the kernel has
 * them.
 */
export class Slab {
  readonly bytes: Buffer
  #writes = 0
  #released = false
  readonly #onWritten = (): void => {
    this.#writes--
    this.#recycle()
  }

  /** For one owner, with room for {@link blockBytes}, or for `bytes` if that is more. */
  constructor(bytes: number = blockBytes) {
    this.bytes = blocks.take(bytes)
  }

  /** Writes `bytes[start, end)`, which must not change from here on. @returns as `write` of the socket. */
  writeTo(socket: Socket, start: number, end: number): boolean {
    this.#writes++
    return socket.write(this.bytes.subarray(start, end), this.#onWritten)
  }

  /** The owner is done with it. The block serves again once all its writes have ended. */
  release(): void {
    this.#released = true
    this.#recycle()
  }

  #recycle(): void {
    if (!this.#released || this.#writes > 0) return
    this.#released = false
    blocks.give(this.bytes)
  }
}
