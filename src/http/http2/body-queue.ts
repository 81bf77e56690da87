/** Chunks below this size are copied together: they may pin far larger read buffers, and each costs an object. */
const blockBytes = 4096

/** Bytes of a stream that wait for a window or the socket, first in first out. */
export class BodyQueue {
  readonly #chunks: Buffer[] = []
  #bytes = 0
  /** Where small chunks at the end of the queue are gathered. */
  #block: Buffer | undefined
  #blockUsed = 0

  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (chunk.length >= blockBytes) {
      this.#chunks.push(chunk)
      this.#block = undefined
    } else this.#gather(chunk)
  }

  /** The next bytes, at most `most`; empty when there are none. */
  take(most: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0)
    const taken = first.length <= most ? first : first.subarray(0, most)
    this.#bytes -= taken.length
    if (taken === first) {
      this.#chunks.shift()
      if (this.#chunks.length === 0) this.#block = undefined
    } else this.#chunks[0] = first.subarray(most)
    return taken
  }

  #gather(chunk: Buffer): void {
    let block = this.#block
    let waiting = 0
    if (block !== undefined && this.#blockUsed + chunk.length <= blockBytes)
      waiting = this.#chunks.pop()?.length ?? 0
    else {
      block = Buffer.allocUnsafe(blockBytes)
      this.#block = block
      this.#blockUsed = 0
    }
    const start = this.#blockUsed - waiting
    this.#blockUsed += chunk.copy(block, this.#blockUsed)
    this.#chunks.push(block.subarray(start, this.#blockUsed))
  }
}
