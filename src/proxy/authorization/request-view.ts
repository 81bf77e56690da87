import { HeaderList } from '../../http/headers.ts'
import type { Claims } from './claims.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { plainPath, visiblePath } from './visible-path.ts'

/**
 * What policies see of a request. One object for all requests of a data plane: it is filled, asked and left within one
 * call.
 */
export class RequestView {
  method = ''
  /** As the application sees it: without query, decoded. */
  path = ''
  /** The same for applications that drop parameters of segments (`;x`); undefined where there are none. */
  pathWithoutParameters: string | undefined
  headers = new HeaderList()
  /** Of the application. */
  port = 0
  claims: Claims | undefined

  /** @param seesPaths whether any policy does; it costs. */
  show(exchange: Exchange, seesPaths: boolean): void {
    const { method, path, headers } = exchange.request
    // Applications may take `get` for GET; RFC 9110 §9.1 does not.
    this.method = method.toUpperCase()
    this.headers = headers
    this.port = exchange.localPort
    this.claims = exchange.claims
    if (!seesPaths) return
    this.path = visiblePath(path)
    this.pathWithoutParameters = this.path.includes(';') ? plainPath(this.path) : undefined
  }
}
