import type { HeaderList } from '../../http/headers.ts'
import { keep } from '../../http/read-buffer.ts'
import type { ClientStream } from '../../http/stream.ts'

/** Bytes of a request body that are kept for further tries (design: bounded at 64 KiB, as Linkerd does). */
const replayBytes = 64 * 1024

/**
 * The request body so far: what the first try starts with when a connection is there, and what further
 * tries repeat. Once more than {@link replayBytes} came it keeps only what no try has taken yet.
 */
export class ReplayBuffer {
  #chunks: Buffer[] = []
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
    this.#chunks.push(keep(chunk))
    this.#bytes += chunk.length
  }

  end(trailers: HeaderList | undefined): void {
    this.#ended = true
    this.#trailers = trailers
  }

  /** Sends all that came so far. @returns what the last `write` did. */
  replayTo(stream: ClientStream): boolean {
    let writable = true
    for (const chunk of this.#chunks) writable = stream.write(chunk)
    if (this.#bytes > replayBytes) this.release()
    if (this.#ended) stream.end(this.#trailers)
    return writable
  }

  /** No try will follow: frees the bytes. */
  release(): void {
    this.#overflowed = true
    this.#chunks = []
    this.#bytes = 0
  }
}
