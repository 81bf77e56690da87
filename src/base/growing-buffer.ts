const nothing = Buffer.alloc(0)

/**
 * Bytes gathered until they are whole. One buffer that doubles: kept apart, chunks of one byte would cost a hundred
 * times their size, and joined anew each time, they would be copied as often as there are bytes.
 */
export class GrowingBuffer {
  #buffer = nothing
  #length = 0

  get length(): number {
    return this.#length
  }

  /** All of them, as a view that holds until the next change. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Takes a copy of `chunk`. */
  append(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    chunk.copy(this.#buffer, this.#length)
    this.#length = length
  }

  /** Also lets go of the memory: views from before stay as they are. */
  clear(): void {
    this.#buffer = nothing
    this.#length = 0
  }
}
