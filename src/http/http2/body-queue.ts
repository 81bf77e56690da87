import { blocks } from '../block-pool.ts'

/** Chunks below this size are gathered: each would cost an object, and the block it stands in. */
const smallBytes = 4096

interface Piece {
  readonly block: Buffer
  start: number
  end: number
}

/**
 * Bytes of a stream that wait for a window or the socket, first in first out. Holds copies, since the chunks of a
 * body are lent.
 */
export class BodyQueue {
  readonly #pieces: Piece[] = []
  #bytes = 0
  /** Read to its end, and still looked at by whoever called {@link take}. */
  #spent: Buffer | undefined

  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.block.length - last.end >= chunk.length) {
      last.end += chunk.copy(last.block, last.end)
      return
    }
    const { length } = chunk
    const block = length < smallBytes ? Buffer.allocUnsafe(smallBytes) : blocks.take(length)
    this.#pieces.push({ block, start: 0, end: chunk.copy(block) })
  }

  /** The next bytes, at most `most`; empty when there are none. Valid until the next call of any method. */
  take(most: number): Buffer {
    this.#recycle()
    const first = this.#pieces[0]
    if (first === undefined) return empty
    const { block, start } = first
    const end = Math.min(first.end, start + most)
    first.start = end
    this.#bytes -= end - start
    if (end === first.end) {
      this.#pieces.shift()
      this.#spent = block
    }
    return block.subarray(start, end)
  }

  /** Drops what waits. The queue is not used again. */
  discard(): void {
    this.#recycle()
    for (const { block } of this.#pieces.splice(0)) blocks.give(block)
    this.#bytes = 0
  }

  #recycle(): void {
    const spent = this.#spent
    this.#spent = undefined
    if (spent !== undefined) blocks.give(spent)
  }
}

const empty = Buffer.alloc(0)
