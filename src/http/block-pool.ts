/**
 * Blocks of memory for bodies under way, used again and again.
 * perf: bench pair-1MB. Blocks left to the garbage collector count as external memory, whose growth starts a full
 * collection every few milliseconds: a third of the CPU time.
 */
export class BlockPool {
  readonly #blockBytes: number
  readonly #free: Buffer[] = []
  /** Free blocks that nothing had need of since the last sweep. */
  #leastFree = 0

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes
  }

  /** A block with arbitrary content, or, for more than one holds, memory of `bytes` that is not the pool's. */
  take(bytes = 0): Buffer {
    if (bytes > this.#blockBytes) return Buffer.allocUnsafeSlow(bytes)
    const block = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#blockBytes)
    this.#leastFree = Math.min(this.#leastFree, this.#free.length)
    return block
  }

  /**
   * Nobody looks at the block any more. What is not of the pool, and what is never given back, is the garbage
   * collector's.
   */
  give(block: Buffer): void {
    if (block.length === this.#blockBytes) this.#free.push(block)
  }

  /** Lets go of what was not used since the last call. */
  sweep(): void {
    this.#free.length -= this.#leastFree
    this.#leastFree = this.#free.length
  }
}

/** What one read of a socket brings, and a head. */
export const blockBytes = 72 * 1024

// Of the process: its connections all run in one thread.

/** Of {@link blockBytes} each: for what leaves soon. */
export const blocks = new BlockPool(blockBytes)

/** For what waits, so that little of a block stays empty. */
export const smallBlocks = new BlockPool(16 * 1024)

/** Called about once a second. */
export function sweepBlocks(): void {
  blocks.sweep()
  smallBlocks.sweep()
}
