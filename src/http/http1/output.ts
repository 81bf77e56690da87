import type { Socket } from 'node:net'
import { blockBytes } from '../block-pool.ts'
import { waitForUncork, type Corked } from '../cork.ts'
import { keep } from '../read-buffer.ts'
import { SlabChain } from './slab-chain.ts'

/**
 * With so much gathered the rest of the turn is not waited for. perf: bench hop-tcp. Each write wakes the receiver:
 * what two reads of 64 KiB brought costs a third less in one write than in two.
 */
const gatheredBytes = 128 * 1024

/** Texts and chunks up to this length travel as one string in one write. */
const joinedBytes = 8192

/**
 * Outgoing bytes of a connection. A head waits for the first bytes of its body, so that a small message is one
 * write and one packet; what nothing follows leaves when the current callback is over.
 */
export class Output implements Corked {
  readonly #socket: Socket
  #text = ''
  /** Goes before {@link #text}. */
  readonly #gathered = new SlabChain()
  #scheduled = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('drain', () => this.uncork())
  }

  /** Latin-1 text that may wait for what follows in this turn. */
  text(text: string): void {
    this.#text += text
    if (this.#gathered.length > 0 || this.#scheduled) return
    this.#scheduled = true
    waitForUncork(this)
  }

  /** @returns false when the socket asks to wait for its 'drain'. */
  chunk(chunk: Buffer): boolean {
    if (this.#gathered.length === 0 && this.#text.length + chunk.length <= joinedBytes)
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
    if (this.#gathered.length > 0) {
      this.#gatherText()
      this.#gathered.writeTo(this.#socket)
    }
    this.#writeText()
  }

  /**
   * perf: bench pair-1MB. TLS hands out 16 KiB at a time: a system call for each would be half of the cost of a
   * large body, so that chunks of one turn of the event loop leave together.
   */
  #gather(chunk: Buffer): void {
    this.#gatherText()
    if (chunk.length > blockBytes) {
      this.#gathered.writeTo(this.#socket)
      this.#write(keep(chunk))
      return
    }
    this.#schedule()
    this.#gathered.append(chunk)
    if (this.#gathered.length >= gatheredBytes) this.#gathered.writeTo(this.#socket)
  }

  #gatherText(): void {
    const text = this.#text
    this.#text = ''
    if (text.length > blockBytes) {
      this.#gathered.writeTo(this.#socket)
      this.#write(Buffer.from(text, 'latin1'))
    } else if (text !== '') {
      this.#schedule()
      this.#gathered.appendText(text)
    }
  }

  #schedule(): void {
    if (this.#gathered.length === 0) setImmediate(() => this.uncork())
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
