import type { ResponseHead } from '../../http/message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'
import { reasonHeader } from '../local-reply.ts'
import { setForwardedClientCert } from '../mesh-headers.ts'

/**
 * Between the mesh and the application: tells it the verified caller, and keeps it from speaking in the
 * sidecar's name.
 */
export class PeerFilter implements Filter {
  onRequest({ request, stream }: Exchange): boolean {
    setForwardedClientCert(request.headers, stream.connection.peerIdentity)
    return true
  }

  onResponse(exchange: Exchange, head: ResponseHead): void {
    if (exchange.reason === undefined) head.headers.delete(reasonHeader)
  }
}
