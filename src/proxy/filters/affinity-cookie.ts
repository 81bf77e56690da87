import type { ResponseHead } from '../../http/message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Filter } from '../exchange/filter.ts'

/** Gives a caller the cookie by which a hashing balancer will know it. */
export class AffinityCookieFilter implements Filter {
  onResponse({ forwarding }: Exchange, head: ResponseHead): void {
    const cookie = forwarding?.selection?.setCookie
    if (cookie !== undefined) head.headers.append('set-cookie', cookie)
  }
}
