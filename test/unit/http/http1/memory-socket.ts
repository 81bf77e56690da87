// A socket without a kernel: what is written to it is kept, what it reads is what the test pushes.
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

export class MemorySocket extends Duplex {
  bytesRead = 0
  bytesWritten = 0
  /** Everything that was written, as Latin-1. */
  written = ''

  constructor() {
    super({ allowHalfOpen: true })
  }

  /** As what a codec expects. */
  get asSocket(): Socket {
    return this as unknown as Socket
  }

  /** Removes and returns what was written. */
  takeWritten(): Buffer {
    const bytes = Buffer.from(this.written, 'latin1')
    this.written = ''
    return bytes
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written += chunk.toString('latin1')
    this.bytesWritten += chunk.length
    done()
  }
}

/** Cuts `bytes` into pieces of these sizes, over and over. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + (sizes[i % sizes.length] ?? bytes.length)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
