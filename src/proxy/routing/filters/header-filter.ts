import type { HeaderList } from '../../../http/headers.ts'
import type { ResponseHead } from '../../../http/message.ts'
import type { HeaderFilter } from '../../../model/route-filter.ts'
import type { Exchange } from '../../exchange/exchange.ts'
import type { Filter } from '../../exchange/filter.ts'

/** RequestHeaderModifier. */
export class RequestHeaderFilter implements Filter {
  readonly #modifier: HeaderFilter

  constructor(modifier: HeaderFilter) {
    this.#modifier = modifier
  }

  onRequest({ request }: Exchange): boolean {
    modify(request.headers, this.#modifier)
    return true
  }
}

/** ResponseHeaderModifier. */
export class ResponseHeaderFilter implements Filter {
  readonly #modifier: HeaderFilter

  constructor(modifier: HeaderFilter) {
    this.#modifier = modifier
  }

  onResponse(_exchange: Exchange, { headers }: ResponseHead): void {
    modify(headers, this.#modifier)
  }
}

function modify(headers: HeaderList, { remove, set, add }: HeaderFilter): void {
  for (const name of remove) headers.delete(name)
  for (const { name, value } of set) headers.set(name, value)
  for (const { name, value } of add) headers.append(name, value)
}
