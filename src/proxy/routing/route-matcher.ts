import type { HeaderList } from '../../http/headers.ts'
import type { RequestHead } from '../../http/message.ts'
import type { HeaderMatch, RouteMatch, StringMatch } from '../../model/route.ts'

/** One condition of a match, compiled once per snapshot. */
export type Condition = (view: RequestView) => boolean

/** A request as routes look at it. One serves all requests in turn; what only some routes ask for is worked out for them. */
export class RequestView {
  #request: RequestHead | undefined
  #path = ''
  #parameters: URLSearchParams | undefined

  look(request: RequestHead): void {
    const { path } = request
    const mark = path.indexOf('?')
    this.#request = request
    this.#path = mark < 0 ? path : path.slice(0, mark)
    this.#parameters = undefined
  }

  /** Without the query. */
  get path(): string {
    return this.#path
  }

  get method(): string {
    return this.#request?.method ?? ''
  }

  /** All values as one comma-joined field: RFC 9110 §5.3 makes the two forms equal. The host is the authority. */
  header(name: string): string | undefined {
    if (this.#request === undefined) return undefined
    const { authority, headers } = this.#request
    return name === 'host' ? authority : joinedValue(headers, name)
  }

  /** The first of that name, decoded. */
  parameter(name: string): string | undefined {
    this.#parameters ??= new URLSearchParams(this.#request?.path.slice(this.#path.length))
    return this.#parameters.get(name) ?? undefined
  }
}

function joinedValue(headers: HeaderList, name: string): string | undefined {
  const { names, values } = headers
  const first = names.indexOf(name)
  if (first < 0) return undefined
  return names.includes(name, first + 1) ? headers.getAll(name).join(',') : values[first]
}

/** All conditions of a match but those of an exact path or a prefix, which are looked up. */
export function compileConditions({ method, path, headers, query }: RouteMatch): Condition[] {
  const conditions: Condition[] = []
  if (method !== undefined) conditions.push(view => view.method === method)
  if (path?.kind === 'regex') {
    const pattern = wholeMatch(path.value)
    conditions.push(view => pattern.test(view.path))
  }
  for (const match of headers ?? []) {
    const holds = compileValue(match)
    conditions.push(view => holds(view.header(match.name)))
  }
  for (const match of query ?? []) {
    const holds = compileValue(match)
    conditions.push(view => holds(view.parameter(match.name)))
  }
  return conditions
}

function compileValue({ kind, value }: HeaderMatch): (found: string | undefined) => boolean {
  if (kind === 'exact') return found => found === value
  const pattern = wholeMatch(value)
  return found => found !== undefined && pattern.test(found)
}

function wholeMatch(source: string): RegExp {
  return new RegExp(`^(?:${source})$`)
}

/** The elements of a prefix: its slash at the end means nothing, and "/" is every path. */
export function prefixElements({ value }: StringMatch): string {
  return value.endsWith('/') ? value.slice(0, -1) : value
}
