import { HeaderList } from '../../../http/headers.ts'
import type { RequestHead, ResponseHead } from '../../../http/message.ts'
import type { CorsFilter as Cors } from '../../../model/route-filter.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'
import { localAnswer } from '../../local-reply.ts'
import { compileOrigins, type OriginTest } from './origin-pattern.ts'

const allowOrigin = 'access-control-allow-origin'
const allowCredentials = 'access-control-allow-credentials'
const exposeHeaders = 'access-control-expose-headers'
const requestedMethod = 'access-control-request-method'
const requestedHeaders = 'access-control-request-headers'

/** CORS (GEP-1767; fetch.spec.whatwg.org, "HTTP extensions" and "CORS-preflight fetch"). */
export class CorsFilter implements Filter {
  readonly #cors: Cors
  readonly #isAllowed: OriginTest
  /** Undefined: whatever the request asks for. */
  readonly #methods: string | undefined
  readonly #headers: string | undefined
  /** Empty: none. */
  readonly #exposed: string

  constructor(cors: Cors) {
    this.#cors = cors
    this.#isAllowed = compileOrigins(cors.allowOrigins)
    this.#methods = joined(cors.allowMethods)
    this.#headers = joined(cors.allowHeaders)
    this.#exposed = cors.exposeHeaders.join(', ')
  }

  /** Answers a preflight; from an origin that is not allowed with nothing that would let the request follow. */
  onRequest(exchange: Exchange): boolean {
    const { request } = exchange
    const { headers } = request
    if (request.method !== 'OPTIONS' || !headers.has('origin') || !headers.has(requestedMethod))
      return true
    exchange.answer(localAnswer(204, 'cors_preflight', this.#preflight(request)))
    return false
  }

  /** What the application says of it is replaced: the route decides. */
  onResponse({ request }: Exchange, { headers }: ResponseHead): void {
    headers.delete(allowOrigin)
    headers.delete(allowCredentials)
    headers.append('vary', 'origin')
    const origin = request.headers.get('origin')
    if (origin === undefined || !this.#isAllowed(origin)) return
    headers.append(allowOrigin, origin)
    if (this.#cors.allowCredentials) headers.append(allowCredentials, 'true')
    const exposed = this.#exposable(headers)
    if (exposed !== '') headers.set(exposeHeaders, exposed)
  }

  #preflight({ headers }: RequestHead): HeaderList {
    const answer = new HeaderList()
    if (!this.#isAllowed(headers.get('origin') ?? '')) return answer
    const methods = this.#methods ?? headers.get(requestedMethod) ?? ''
    if (methods !== '') answer.append('access-control-allow-methods', methods)
    const asked = headers.get(requestedHeaders)
    // Gateway API, HTTPCORSFilter.allowHeaders: not for a request that names none.
    const allowed = this.#headers ?? asked ?? ''
    if (asked !== undefined && allowed !== '')
      answer.append('access-control-allow-headers', allowed)
    answer.append('access-control-max-age', String(this.#cors.maxAgeSeconds))
    return answer
  }

  /** With credentials "*" would be the name of a header: then the names of the answer stand for it. */
  #exposable({ names }: HeaderList): string {
    if (this.#exposed !== '*' || !this.#cors.allowCredentials) return this.#exposed
    return [...new Set(names)].filter(name => !name.startsWith('access-control-')).join(', ')
  }
}

/** Of `*` the answer says what was asked for, which is right with credentials and without. */
function joined(list: readonly string[]): string | undefined {
  return list.includes('*') ? undefined : list.join(', ')
}
