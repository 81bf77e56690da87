import type { Now } from '../../base/clock.ts'
import type { ExchangeError } from '../../base/errors.ts'
import { Http1ServerConnection } from '../../http/http1/server-connection.ts'
import type { HttpLimits } from '../../http/limits.ts'
import type { RequestHandler } from '../../http/stream.ts'
import type { SocketAddress } from '../../model/bootstrap.ts'
import { Listener } from './listener.ts'
import { renderLocalReply } from '../local-reply.ts'

export interface PlainListenerOptions {
  readonly purpose: string
  readonly address: SocketAddress
  readonly limits: HttpLimits
  readonly onRequest: RequestHandler
  readonly onRefused: (error: ExchangeError) => void
  readonly now: Now
}

/** A port for the local application and its people: HTTP/1 without TLS. */
export function createPlainListener(options: PlainListenerOptions): Listener {
  const { purpose, address, now } = options
  const listener: Listener = new Listener({
    purpose,
    address,
    now,
    sharesReads: true,
    accept: (socket, reader) => {
      const info = { remoteAddress: socket.remoteAddress ?? '', peerIdentity: undefined }
      const connection = new Http1ServerConnection(socket, {
        ...options,
        info,
        renderError: renderLocalReply,
      })
      reader?.attach(connection)
      listener.track(connection, socket)
    },
  })
  return listener
}
