import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

/** A TLS socket, as far as the protocol needs one. */
export type ControlStream = Duplex &
  Pick<TLSSocket, 'exportKeyingMaterial'> & {
    /** Of the other end; undefined once it is gone, and on streams that have none. */
    readonly remoteAddress?: string | undefined
    /** Of this end; as the other's. */
    readonly localAddress?: string | undefined
  }

const proofLabel = 'EXPORTER-weft-sign'
const proofBytes = 32

/**
 * What a sign request's proof signs (RFC 8446 §7.5): both ends of this one connection compute it and no one else can,
 * so that a proof is worth nothing on another connection.
 */
export function proofMaterial(stream: ControlStream): Buffer {
  return stream.exportKeyingMaterial(proofBytes, proofLabel, Buffer.alloc(0))
}
