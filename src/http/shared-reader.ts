import { Socket } from 'node:net'
import { readBuffer } from './read-buffer.ts'

/** Takes what a socket read. The chunk is lent for the call. */
export interface ChunkReceiver {
  receive(chunk: Buffer): void
}

/**
 * What was read, as views that serve again. perf: bench pair-100B. Making one costs as much as finding the end of a
 * short head in it.
 */
const shortViews: Buffer[] = []
const shortBytes = 1024

function viewOf(bytes: number): Buffer {
  if (bytes > shortBytes) return readBuffer.subarray(0, bytes)
  return (shortViews[bytes] ??= readBuffer.subarray(0, bytes))
}

/** Hands what one socket reads, into the buffer that all share, to the connection that owns the socket. */
export class SharedReader {
  #receiver: ChunkReceiver | undefined
  #early: Buffer[] = []
  /** For the options of the socket. */
  readonly onread = {
    buffer: readBuffer,
    callback: (bytes: number): boolean => {
      const chunk = viewOf(bytes)
      if (this.#receiver === undefined) this.#early.push(Buffer.from(chunk))
      else this.#receiver.receive(chunk)
      return true
    },
  }

  /** A peer that speaks first is heard now; what it can have said since the handshake is little. */
  attach(receiver: ChunkReceiver): void {
    this.#receiver = receiver
    const early = this.#early
    this.#early = []
    // A receiver that has seen enough attaches another in its place.
    for (const chunk of early) this.#receiver.receive(chunk)
  }
}

interface Accepted {
  _handle?: unknown
}

/**
 * The connection of an accepted socket on a new socket that reads into `reader`, which `net.Server` does not offer.
 * `accepted` must come from a server with `pauseOnConnect`, and is of no more use; for the server it is closed.
 * @returns undefined where Node no longer works so: `accepted` is as it was.
 * perf: bench hop-100B. Node otherwise allocates 64 KiB for every read of an accepted socket.
 */
export function adoptAccepted(accepted: Socket, reader: SharedReader): Socket | undefined {
  const { _handle: handle } = accepted as Accepted
  if (typeof handle !== 'object' || handle === null) return undefined
  const options = { handle, allowHalfOpen: true, onread: reader.onread }
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0])
  ;(accepted as Accepted)._handle = null
  accepted.destroy()
  return socket
}

/** Where Node keeps the `onread` of a socket; undefined where it no longer does. */
const onreadKeys = findOnreadKeys()

/**
 * Lets an open socket that was made without `onread`, as those of a TLS server are, read into `reader` from now on.
 * @returns false where Node no longer works so, or when bytes were read already: 'data' events will tell.
 * perf: bench pair-tcp. Node otherwise allocates for every TLS record, which costs as much as all the rest.
 */
export function shareReads(socket: Socket, reader: SharedReader): boolean {
  const { _handle: handle } = socket as { _handle?: ReadingHandle | null }
  if (onreadKeys === undefined || typeof handle?.useUserBuffer !== 'function') return false
  if (socket.readableLength > 0) return false
  const { buffer, callback } = reader.onread
  handle.useUserBuffer(buffer)
  Object.assign(socket, { [onreadKeys.buffer]: buffer, [onreadKeys.callback]: callback })
  return true
}

interface ReadingHandle {
  useUserBuffer?(buffer: Buffer): void
}

function findOnreadKeys(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const keys = Object.getOwnPropertySymbols(new Socket({ onread: new SharedReader().onread }))
  const buffer = keys.find(({ description }) => description === 'kBuffer')
  const callback = keys.find(({ description }) => description === 'kBufferCb')
  return buffer && callback && { buffer, callback }
}
