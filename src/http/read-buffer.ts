/**
 * One buffer that all sockets to applications read into: what a read brought is worked off before the next read
 * of any socket begins. perf: bench pair-1MB. Node otherwise allocates 64 KiB for every read, and collecting
 * those took a third of the sidecar's time.
 */
export const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** A chunk that may be kept: the same one, or a copy where it is lent from {@link readBuffer}. */
export function keep(chunk: Buffer): Buffer {
  return chunk.buffer === readBuffer.buffer ? Buffer.from(chunk) : chunk
}
