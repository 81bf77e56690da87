import type { FrameWriter } from './frame-writer.ts'
import type { Output } from './output.ts'
import { ConnectionFault, defaultWindowBytes, errorCode, maxWindowBytes } from './protocol.ts'
import type { PeerSettings } from './settings.ts'

/** Most DATA that a stream sends before the next one has its turn. */
const quantumBytes = 32 * 1024

/** Most that a stream sends past the line when nobody else waits: what one read of a socket brings. */
const maxDirectBytes = 64 * 1024

/** A stream as its sender sees it. */
interface Sending {
  readonly id: number
  /** The peer's window of the stream. */
  sendWindow: number
  /** Sends up to `most` queued bytes, as one frame. @returns how many. */
  sendQueued(most: number): number
  /** Has queued bytes and room in its own window. */
  readonly sendable: boolean
}

/** Shares a connection's send window and its socket between streams, round robin. */
export class SendScheduler {
  readonly #output: Output
  readonly #writer: FrameWriter
  readonly #peer: PeerSettings
  /** Streams with something to send; a Set keeps the order of arrival. */
  readonly #ready = new Set<Sending>()
  #window = defaultWindowBytes
  #pumping = false

  constructor(output: Output, writer: FrameWriter, peer: PeerSettings) {
    this.#output = output
    this.#writer = writer
    this.#peer = peer
  }

  /** Sends `chunk` whole if nothing stands in its way. @returns the frame's mark, or undefined. */
  trySend(stream: Sending, chunk: Buffer): number | undefined {
    const bytes = chunk.length
    if (this.#ready.size > 0 || this.#output.blocked || bytes > maxDirectBytes) return undefined
    if (bytes > this.#window || bytes > stream.sendWindow || bytes > this.#peer.maxFrameBytes)
      return undefined
    this.#window -= bytes
    stream.sendWindow -= bytes
    return this.#writer.data(stream.id, chunk, false)
  }

  /** Puts a stream that became sendable in line. */
  add(stream: Sending): void {
    this.#ready.add(stream)
    this.pump()
  }

  remove(stream: Sending): void {
    this.#ready.delete(stream)
  }

  /** Takes a WINDOW_UPDATE of the connection. */
  grow(increment: number): void {
    this.#window += increment
    if (this.#window > maxWindowBytes)
      throw new ConnectionFault(errorCode.flowControlError, 'connection window overflow')
    this.pump()
  }

  /** Sends until the window or the socket is full. Called whenever either may have room again. */
  pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    // A stream added again during the iteration goes to the end of the line and is visited again.
    for (const stream of this.#ready) {
      if (this.#output.blocked || this.#window <= 0) break
      this.#ready.delete(stream)
      // SETTINGS may have taken its window away since it got in line.
      if (!stream.sendable) continue
      const most = Math.min(quantumBytes, this.#window, this.#peer.maxFrameBytes)
      this.#window -= stream.sendQueued(most)
      if (stream.sendable) this.#ready.add(stream)
    }
    this.#pumping = false
  }
}
