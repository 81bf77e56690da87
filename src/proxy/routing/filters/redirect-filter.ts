import { HeaderList } from '../../../http/headers.ts'
import type { RequestHead } from '../../../http/message.ts'
import type { RedirectFilter as Redirect } from '../../../model/route-filter.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'
import { localAnswer } from '../../local-reply.ts'
import { modifyPath } from './path-modifier.ts'

const wellKnownPorts = { http: '80', https: '443' } as const

/** RequestRedirect. */
export class RedirectFilter implements Filter {
  readonly #redirect: Redirect

  constructor(redirect: Redirect) {
    this.#redirect = redirect
  }

  onRequest(exchange: Exchange): boolean {
    const headers = HeaderList.of({ location: locationOf(exchange.request, this.#redirect) })
    exchange.answer(localAnswer(this.#redirect.status, 'redirect', headers))
    return false
  }
}

function locationOf(request: RequestHead, redirect: Redirect): string {
  const { host, port: asked } = splitAuthority(request.authority)
  const scheme = redirect.scheme ?? request.scheme
  const port = redirect.port === undefined ? portOf(redirect, asked) : String(redirect.port)
  const path = redirect.path === undefined ? request.path : modifyPath(request.path, redirect.path)
  const suffix = port === '' || port === wellKnownPorts[scheme] ? '' : `:${port}`
  return `${scheme}://${redirect.hostname ?? host}${suffix}${path}`
}

/**
 * Gateway API, HTTPRequestRedirectFilter.port: that of a given scheme, else that of the listener; which the caller has
 * written where it is not the well-known one.
 */
function portOf({ scheme }: Redirect, asked: string): string {
  return scheme === undefined ? asked : ''
}

/** The host of an IPv6 address keeps its brackets; no port: empty. */
function splitAuthority(authority: string): { readonly host: string; readonly port: string } {
  const colon = authority.lastIndexOf(':')
  if (colon <= authority.lastIndexOf(']')) return { host: authority, port: '' }
  return { host: authority.slice(0, colon), port: authority.slice(colon + 1) }
}
