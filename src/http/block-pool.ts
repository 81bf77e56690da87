/** What one read of a socket brings, and a head. */
export const blockBytes = 72 * 1024

/**
 * Blocks of memory for bodies under way, used again and again.
 * perf: bench pair-1MB. Blocks left to the garbage collector count as external memory, whose growth starts a full
 * collection every few milliseconds: a third of the CPU time.
 */
export class BlockPool {
  readonly #free: Buffer[] = []
  /** Free blocks that nothing had need of since the last sweep. */
  #leastFree = 0

  /** A block with arbitrary content, of {@link blockBytes}, or of `bytes` if that is more. */
  take(bytes: number = blockBytes): Buffer {
    if (bytes > blockBytes) return Buffer.allocUnsafeSlow(bytes)
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
    this.#leastFree = Math.min(this.#leastFree, this.#free.length)
    return block
  }

  /**
   * Nobody looks at the block any more. One of another size, and one that is never given back, is the garbage
   * collector's.
   */
  give(block: Buffer): void {
    if (block.length === blockBytes) this.#free.push(block)
  }

  /** Lets go of what was not used since the last call. Called about once a second. */
  sweep(): void {
    this.#free.length -= this.#leastFree
    this.#leastFree = this.#free.length
  }
}

/** Of the process: its connections all run in one thread. */
export const blocks = new BlockPool()
