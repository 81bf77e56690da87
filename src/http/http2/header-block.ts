import { ConnectionFault, errorCode, flag } from './protocol.ts'
import type { FrameHead } from './frame-reader.ts'

/** An honest peer needs few: 64 KiB of fields make four frames. */
const maxContinuations = 16

/** Dependency and weight, at the end of what comes before the block. */
export const priorityBytes = 5

/** Puts HEADERS and its CONTINUATION frames together, bounded in bytes and in frames (CVE-2024-27983). */
export class HeaderBlock {
  readonly #maxBytes: number
  readonly #fragments: Buffer[] = []
  #length = 0
  /** 0 while no block is open. */
  streamId = 0
  endStream = false
  #fault: string | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** @param fault what is wrong with the stream; the block is decoded all the same, as its state is the connection's. */
  open(head: FrameHead, fault: string | undefined): void {
    this.#fault = fault
    this.streamId = head.streamId
    this.endStream = (head.flags & flag.endStream) !== 0
  }

  /** Keeps a copy of a fragment. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#length += end - start
    if (this.#length > this.#maxBytes || this.#fragments.length > maxContinuations)
      throw new ConnectionFault(errorCode.enhanceYourCalm, 'header block without end')
    this.#fragments.push(Buffer.from(bytes.subarray(start, end)))
  }

  get fault(): string | undefined {
    return this.#fault
  }

  /** @returns the whole block; the next one may be opened. */
  close(): Buffer {
    const block = Buffer.concat(this.#fragments)
    this.#fragments.length = 0
    this.#length = 0
    this.streamId = 0
    return block
  }
}

/** RFC 7540 §5.3.1 makes that an error of the stream. `at`: where the dependency of a PRIORITY or HEADERS is. */
export function dependencyFault(streamId: number, bytes: Buffer, at: number): string | undefined {
  const dependency = bytes.readUInt32BE(at) & 0x7fff_ffff
  return dependency === streamId ? 'the stream depends on itself' : undefined
}

/** Where the block fragment of a HEADERS payload lies, without padding and priority (RFC 9113 §6.2). */
export function headersFragment(
  head: FrameHead,
  bytes: Buffer,
  start: number,
  end: number,
): [start: number, end: number] {
  let from = start
  let to = end
  if ((head.flags & flag.padded) !== 0) {
    to -= bytes[from] ?? 0
    from++
  }
  if ((head.flags & flag.priority) !== 0) from += priorityBytes
  if (from > end) throw new ConnectionFault(errorCode.frameSizeError, 'HEADERS too short')
  if (from > to) throw new ConnectionFault(errorCode.protocolError, 'padding exceeds HEADERS')
  return [from, to]
}
