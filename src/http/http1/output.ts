import { nextTick } from 'node:process'
import type { Socket } from 'node:net'
import { keep } from '../read-buffer.ts'

/** Texts and chunks up to this length travel as one string in one write. */
const joinedBytes = 8192

/** Chunks waiting for the end of the turn; with more they leave at once. */
const gatheredBytes = 64 * 1024

/**
 * Outgoing bytes of a connection. A head waits for the first bytes of its body, so that a small message is one
 * write and one packet; what nothing follows leaves when the current callback is over.
 */
export class Output {
  readonly #socket: Socket
  #text = ''
  #scheduled = false
  #corked = false
  readonly #flushSoon = (): void => {
    this.#scheduled = false
    this.#writeText()
  }
  readonly #releaseSoon = (): void => this.#release()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Latin-1 text that may wait for what follows in this turn. */
  text(text: string): void {
    this.#text += text
    if (this.#scheduled) return
    this.#scheduled = true
    nextTick(this.#flushSoon)
  }

  /** @returns false when the socket asks to wait for its 'drain'. */
  chunk(chunk: Buffer): boolean {
    if (this.#text.length + chunk.length <= joinedBytes) {
      // perf: bench hop-100B. One string write costs less than a vector of two buffers.
      this.text(chunk.latin1Slice(0, chunk.length))
      return !this.#socket.writableNeedDrain
    }
    this.#gather()
    this.#writeText()
    const writable = this.#socket.write(keep(chunk))
    if (this.#socket.writableLength >= gatheredBytes) this.#release()
    return writable
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#writeText()
    this.#release()
  }

  #writeText(): void {
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (this.#socket.writable) this.#socket.write(text, 'latin1')
  }

  /**
   * perf: bench pair-1MB. TLS hands out 16 KiB at a time: a system call for each would be half of the cost of a
   * large body, so that chunks of one turn of the event loop leave together.
   */
  #gather(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    setImmediate(this.#releaseSoon)
  }

  #release(): void {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }
}
