import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Ends a connection so that the peer does not take what it has for all: by RST, in TLS by the missing close_notify. */
export function abortSocket(socket: Socket): void {
  // Node resets sockets of TCP alone.
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
