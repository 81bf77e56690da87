import type { Socket } from 'node:net'
import { waitForUncork, type Corked } from '../cork.ts'
import { Slab } from '../slab.ts'

/** With so much gathered the rest of the turn is not waited for. */
const gatheredBytes = 64 * 1024

/**
 * With so much not yet with the kernel, bodies wait in their queues. perf: bench pair-1MB, pair-10KB. A socket asks
 * to wait after each write of 64 KiB, and what waits is copied once more.
 */
const unsentBytes = 256 * 1024

/** With more streams than this in flight, frames wait for the end of the event loop's turn. */
const promptStreams = 2

/**
 * Outgoing bytes of a connection, gathered into few writes, each of which costs a TLS record and a system
 * call. Payloads are copied: TLS copies a vector of buffers itself, into memory that it allocates for it.
 * With little in flight what one callback produced leaves when that callback is over, so that a lone request
 * never waits; under load the whole turn of the event loop shares one write.
 */
export class Output implements Corked {
  readonly #socket: Socket
  readonly #flushSoon = () => this.flush()
  #slab = new Slab()
  /** Until the socket's 'drain'. */
  blocked = false
  /** Streams in flight on the connection, kept by its owner. */
  load = 0
  #start = 0
  #end = 0
  /** Position in the whole stream of the buffer's first byte. */
  #origin = 0
  #scheduled = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Where frames are written, at the offset that {@link reserve} returned. */
  get buffer(): Buffer {
    return this.#slab.bytes
  }

  /** Bytes accepted that the kernel has not. */
  get pendingBytes(): number {
    return this.#end - this.#start + this.#socket.writableLength
  }

  /** Makes room for `bytes` in one piece. @returns the offset in {@link buffer}. */
  reserve(bytes: number): number {
    if (this.#end + bytes > this.buffer.length) {
      this.flush()
      this.#slab.release()
      this.#slab = new Slab(bytes)
      this.#origin += this.#end
      this.#start = 0
      this.#end = 0
    }
    this.#schedule()
    return this.#end
  }

  /** Takes what was written from the reserved offset up to `end`. */
  commit(end: number): void {
    this.#end = end
    if (end - this.#start >= gatheredBytes) this.flush()
  }

  /** Writes the nine bytes of RFC 9113 §4.1 at `at`. `typeAndFlags`: the type in the high byte. */
  putFrameHeader(at: number, length: number, typeAndFlags: number, streamId: number): void {
    const buffer = this.buffer
    buffer[at] = length >>> 16
    buffer[at + 1] = length >>> 8
    buffer[at + 2] = length
    buffer[at + 3] = typeAndFlags >>> 8
    buffer[at + 4] = typeAndFlags
    buffer[at + 5] = streamId >>> 24
    buffer[at + 6] = streamId >>> 16
    buffer[at + 7] = streamId >>> 8
    buffer[at + 8] = streamId
  }

  /** A position for {@link setBits}. */
  mark(at: number): number {
    return this.#origin + at
  }

  /** Sets bits of the byte at `mark` if it has not left yet. */
  setBits(mark: number, bits: number): boolean {
    if (mark < this.#origin + this.#start) return false
    const at = mark - this.#origin
    this.buffer[at] = (this.buffer[at] ?? 0) | bits
    return true
  }

  uncork(): void {
    this.flush()
  }

  /** Writes what is gathered, now. */
  flush(): void {
    this.#scheduled = false
    const start = this.#start
    if (start === this.#end) return
    this.#start = this.#end
    if (!this.#socket.writable) return
    const wantsMore = this.#slab.writeTo(this.#socket, start, this.#end)
    if (!wantsMore && this.#socket.writableLength >= unsentBytes) this.blocked = true
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.load > promptStreams) setImmediate(this.#flushSoon)
    else waitForUncork(this)
  }
}
