import { readBuffer } from '../../src/http/read-buffer.ts'
import type { ChunkReceiver } from '../../src/http/shared-reader.ts'

/** Spoils each chunk once the receiver is through with it: what was lent must not be looked at again. */
export function lending(receiver: ChunkReceiver): ChunkReceiver {
  return {
    receive(chunk) {
      receiver.receive(chunk)
      readBuffer.fill('!', 0, chunk.length)
    },
  }
}
