import { Chain, type Filter } from '../../src/proxy/exchange/filter.ts'
import { Exchange } from '../../src/proxy/exchange/exchange.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { applyResponseFilters } from '../../src/proxy/routing/filters/apply-filters.ts'
import { FakeServerStream } from './fake-streams.ts'

/** An exchange on its way out, whose answers pass these filters of its route. */
export function routedExchange(
  changes: Partial<RequestHead> = {},
  responseFilters: readonly Filter[] = [],
): { readonly exchange: Exchange; readonly stream: FakeServerStream } {
  const stream = new FakeServerStream(changes)
  const chain = new Chain({
    filters: [{ onResponse: applyResponseFilters }],
    terminal: () => {},
    now: () => 0,
  })
  const exchange = new Exchange(stream, chain)
  stream.receiver = exchange
  exchange.responseFilters = responseFilters
  return { exchange, stream }
}
