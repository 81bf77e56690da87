import type { Socket } from 'node:net'

/** Holds what one read of a socket brings, and a head. */
export const slabBytes = 72 * 1024

/** Slabs at rest that are kept; more are left to the garbage collector. */
const maxFree = 32

const free: Slab[] = []

/**
 * A block in which outgoing bytes are gathered for few writes, and that is used again when the kernel has them.
 * perf: bench hop-1MB. Allocating such a block for every write, and collecting it, cost a third of the CPU time.
 */
export class Slab {
  readonly bytes: Buffer
  #writes = 0
  #released = false
  readonly #onWritten = (): void => {
    this.#writes--
    this.#recycle()
  }

  private constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  /** A slab of at least {@link slabBytes}, for one owner. */
  static take(bytes: number = slabBytes): Slab {
    if (bytes > slabBytes) return new Slab(bytes)
    return free.pop() ?? new Slab(slabBytes)
  }

  /** Writes `bytes[start, end)`, which must not change from here on. @returns as `write` of the socket. */
  writeTo(socket: Socket, start: number, end: number): boolean {
    this.#writes++
    return socket.write(this.bytes.subarray(start, end), this.#onWritten)
  }

  /** The owner is done with it. It serves again once all its writes have ended. */
  release(): void {
    this.#released = true
    this.#recycle()
  }

  #recycle(): void {
    if (!this.#released || this.#writes > 0) return
    this.#released = false
    if (this.bytes.length === slabBytes && free.length < maxFree) free.push(this)
  }
}
