import { smallBlocks } from '../../http/block-pool.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { ClientStream } from '../../http/stream.ts'

/** Bytes of a request body that are kept for further tries (design: bounded at 64 KiB, as Linkerd does). */
const replayBytes = 64 * 1024

/** Room for a first chunk that is shorter: most bodies are one, and few chunks of a stream of small ones follow. */
const leastBytes = 1024

/** A first chunk from this length on begins a block of the pool. */
const pooledBytes = 4096

interface Piece {
  readonly memory: Buffer
  length: number
}

/**
 * The request body so far: what the first try starts with when a connection is there, and what further
 * tries repeat. Once more than {@link replayBytes} came it keeps only what no try has taken yet.
 */
export class ReplayBuffer {
  #pieces: Piece[] = []
  #bytes = 0
  #overflowed = false
  #ended = false
  #trailers: HeaderList | undefined

  /** All of the body that came so far can be sent again. */
  get replayable(): boolean {
    return !this.#overflowed
  }

  /** Further bytes would pass the bound while nobody takes them: stop reading downstream. */
  get full(): boolean {
    return this.#bytes >= replayBytes
  }

  /** `taken`: a try forwards the chunk itself, so that it is needed only for repeating. */
  push(chunk: Buffer, taken: boolean): void {
    if (taken && (this.#overflowed || this.#bytes + chunk.length > replayBytes))
      return this.release()
    this.#bytes += chunk.length
    for (let at = 0; at < chunk.length;) {
      const piece = this.#pieceFor(chunk.length - at)
      const copied = chunk.copy(piece.memory, piece.length, at)
      piece.length += copied
      at += copied
    }
  }

  end(trailers: HeaderList | undefined): void {
    this.#ended = true
    this.#trailers = trailers
  }

  /** Sends all that came so far. @returns what the last `write` did. */
  replayTo(stream: ClientStream): boolean {
    let writable = true
    for (const { memory, length } of this.#pieces)
      writable = stream.write(memory.subarray(0, length))
    if (this.#bytes > replayBytes) this.release()
    if (this.#ended) stream.end(this.#trailers)
    return writable
  }

  /** Shows all that came so far to somebody who will be told of the rest. The chunks are lent for the call. */
  copyTo(taker: { write(chunk: Buffer): void; end(trailers: HeaderList | undefined): void }): void {
    for (const { memory, length } of this.#pieces) taker.write(memory.subarray(0, length))
    if (this.#ended) taker.end(this.#trailers)
  }

  /** Hands over all that came so far, for good. */
  drainInto(taker: { write(chunk: Buffer): boolean }): void {
    for (const { memory, length } of this.#pieces) taker.write(memory.subarray(0, length))
    this.release()
  }

  /** No try will follow: frees the bytes. */
  release(): void {
    this.#overflowed = true
    for (const { memory } of this.#pieces) smallBlocks.give(memory)
    this.#pieces = []
    this.#bytes = 0
  }

  /** One with room, for as much of `bytes` as that is. */
  #pieceFor(bytes: number): Piece {
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.length < last.memory.length) return last
    const small = last === undefined && bytes < pooledBytes
    const memory = small ? Buffer.allocUnsafe(Math.max(bytes, leastBytes)) : smallBlocks.take()
    const piece = { memory, length: 0 }
    this.#pieces.push(piece)
    return piece
  }
}
