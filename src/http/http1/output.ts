import type { Socket } from 'node:net'
import { blockBytes } from '../block-pool.ts'
import { waitForUncork, type Corked } from '../cork.ts'
import { keep } from '../read-buffer.ts'
import { Slab } from '../slab.ts'

/** A slab with so much in it leaves before the end of the turn. */
const gatheredBytes = 64 * 1024

/** Texts and chunks up to this length travel as one string in one write. */
const joinedBytes = 8192

/**
 * Outgoing bytes of a connection. A head waits for the first bytes of its body, so that a small message is one
 * write and one packet; what nothing follows leaves when the current callback is over.
 */
export class Output implements Corked {
  readonly #socket: Socket
  #text = ''
  /** Holds bytes that go before {@link #text}. */
  #slab: Slab | undefined
  /** Bytes in the slab. */
  #length = 0
  #scheduled = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('drain', () => this.uncork())
  }

  /** Latin-1 text that may wait for what follows in this turn. */
  text(text: string): void {
    this.#text += text
    if (this.#slab !== undefined || this.#scheduled) return
    this.#scheduled = true
    waitForUncork(this)
  }

  /** @returns false when the socket asks to wait for its 'drain'. */
  chunk(chunk: Buffer): boolean {
    if (this.#slab === undefined && this.#text.length + chunk.length <= joinedBytes)
      // perf: bench hop-100B. One string write costs less than a vector of two buffers.
      this.text(chunk.latin1Slice(0, chunk.length))
    else this.#gather(chunk)
    return !this.#socket.writableNeedDrain
  }

  uncork(): void {
    this.#scheduled = false
    // What the kernel does not take yet is better gathered than left in many slabs.
    if (!this.#socket.writableNeedDrain) this.flush()
  }

  /** Writes what waits, now. */
  flush(): void {
    if (this.#slab !== undefined && this.#text !== '') this.#gatherText()
    this.#writeSlab()
    this.#writeText()
  }

  /**
   * perf: bench pair-1MB. TLS hands out 16 KiB at a time: a system call for each would be half of the cost of a
   * large body, so that chunks of one turn of the event loop leave together.
   */
  #gather(chunk: Buffer): void {
    this.#gatherText()
    if (chunk.length > blockBytes) {
      this.#writeSlab()
      this.#write(keep(chunk))
      return
    }
    const slab = this.#slabFor(chunk.length)
    this.#length += chunk.copy(slab.bytes, this.#length)
    if (this.#length >= gatheredBytes) this.#writeSlab()
  }

  #gatherText(): void {
    const text = this.#text
    this.#text = ''
    if (text.length > blockBytes) {
      this.#writeSlab()
      this.#write(Buffer.from(text, 'latin1'))
    } else if (text !== '') {
      const slab = this.#slabFor(text.length)
      this.#length += slab.bytes.write(text, this.#length, 'latin1')
    }
  }

  /** One with room for `bytes`. */
  #slabFor(bytes: number): Slab {
    if (this.#length + bytes > blockBytes) this.#writeSlab()
    if (this.#slab === undefined) {
      this.#slab = new Slab()
      setImmediate(() => this.uncork())
    }
    return this.#slab
  }

  #writeSlab(): void {
    const slab = this.#slab
    if (slab === undefined) return
    if (this.#socket.writable) slab.writeTo(this.#socket, 0, this.#length)
    slab.release()
    this.#slab = undefined
    this.#length = 0
  }

  #writeText(): void {
    const text = this.#text
    if (text === '') return
    this.#text = ''
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  #write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }
}
