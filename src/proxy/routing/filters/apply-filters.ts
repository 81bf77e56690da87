import type { ResponseHead } from '../../../http/message.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'

/** @returns false when one of them has answered. */
export function applyFilters(exchange: Exchange, filters: readonly Filter[]): boolean {
  for (const filter of filters) if (filter.onRequest?.(exchange) === false) return false
  return true
}

/** Those of the route and the backend that were chosen, on any answer: local replies too. */
export function applyResponseFilters(exchange: Exchange, head: ResponseHead): void {
  const { responseFilters } = exchange
  if (responseFilters === undefined) return
  for (const filter of responseFilters) filter.onResponse?.(exchange, head)
}
