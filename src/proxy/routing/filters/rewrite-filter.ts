import type { RewriteFilter as Rewrite } from '../../../model/route-filter.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'
import { modifyPath } from './path-modifier.ts'

/** URLRewrite. Where the request goes is decided already; the application sees the new name and path. */
export class RewriteFilter implements Filter {
  readonly #rewrite: Rewrite

  constructor(rewrite: Rewrite) {
    this.#rewrite = rewrite
  }

  onRequest(exchange: Exchange): boolean {
    const { request } = exchange
    const { hostname, path } = this.#rewrite
    // The backend may rewrite what the route has rewritten.
    exchange.asked ??= { authority: request.authority, path: request.path }
    if (hostname !== undefined) request.authority = hostname
    if (path !== undefined) request.path = modifyPath(request.path, path)
    return true
  }
}
