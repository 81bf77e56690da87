import type { Socket } from 'node:net'
import { blockBytes } from '../block-pool.ts'
import { Slab } from '../slab.ts'

interface Link {
  readonly slab: Slab
  /** Bytes in it. */
  length: number
}

/** Outgoing bytes in as many slabs as they need, for one write of all. */
export class SlabChain {
  /** Bytes in it. */
  length = 0
  #links: Link[] = []

  /** @param chunk at most {@link blockBytes} long. */
  append(chunk: Buffer): void {
    const link = this.#reserve(chunk.length)
    link.length += chunk.copy(link.slab.bytes, link.length)
  }

  /** @param text Latin-1, at most {@link blockBytes} long. */
  appendText(text: string): void {
    const link = this.#reserve(text.length)
    link.length += link.slab.bytes.write(text, link.length, 'latin1')
  }

  /** Writes what is in it, in one system call, and is empty. A socket that cannot be written to loses it. */
  writeTo(socket: Socket): void {
    const links = this.#links
    this.#links = []
    this.length = 0
    const vectored = links.length > 1
    if (vectored) socket.cork()
    for (const { slab, length } of links) {
      if (socket.writable) slab.writeTo(socket, 0, length)
      slab.release()
    }
    if (vectored) socket.uncork()
  }

  /** The last link, or a new one, with room for `bytes`, which count from here on. */
  #reserve(bytes: number): Link {
    this.length += bytes
    let link = this.#links.at(-1)
    if (link === undefined || link.length + bytes > blockBytes) {
      link = { slab: new Slab(), length: 0 }
      this.#links.push(link)
    }
    return link
  }
}
