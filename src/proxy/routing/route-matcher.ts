import type { RequestHead } from '../../http/message.ts'
import type { HeaderMatch, RouteMatch, StringMatch } from '../../model/route.ts'

type Predicate = (request: RequestHead, path: string, query: string) => boolean

/** Compiles a route's matches once per snapshot: any of them suffices, none at all matches everything. */
export function compileMatches(matches: readonly RouteMatch[]): (request: RequestHead) => boolean {
  const alternatives = matches.map(compileMatch)
  if (alternatives.length === 0 || alternatives.some(predicates => predicates.length === 0))
    return () => true
  return request => {
    const mark = request.path.indexOf('?')
    const path = mark < 0 ? request.path : request.path.slice(0, mark)
    const query = mark < 0 ? '' : request.path.slice(mark + 1)
    return alternatives.some(predicates => predicates.every(holds => holds(request, path, query)))
  }
}

function compileMatch(match: RouteMatch): Predicate[] {
  const predicates: Predicate[] = []
  const { method, path } = match
  if (method !== undefined) predicates.push(request => request.method === method)
  if (path !== undefined && !(path.kind === 'prefix' && path.value === '/'))
    predicates.push(compilePath(path))
  for (const header of match.headers ?? []) predicates.push(compileHeader(header))
  for (const parameter of match.query ?? []) predicates.push(compileQuery(parameter))
  return predicates
}

function compilePath({ kind, value }: StringMatch): Predicate {
  if (kind === 'exact') return (_request, path) => path === value
  if (kind === 'regex') {
    const pattern = wholeMatch(value)
    return (_request, path) => pattern.test(path)
  }
  // Gateway API: a prefix matches whole path elements, so /foo takes /foo and /foo/bar but not /foobar.
  const element = value.endsWith('/') ? value.slice(0, -1) : value
  return (_request, path) =>
    path.startsWith(element) &&
    (path.length === element.length || path.charCodeAt(element.length) === 47)
}

function compileHeader({ name, kind, value }: HeaderMatch): Predicate {
  const matches = compileValue(kind, value)
  // Every value counts, as one comma-joined field: RFC 9110 §5.3 makes the two forms equal.
  return request => request.headers.has(name) && matches(request.headers.getAll(name).join(','))
}

function compileQuery({ name, kind, value }: HeaderMatch): Predicate {
  const matches = compileValue(kind, value)
  return (_request, _path, query) => {
    const found = new URLSearchParams(query).get(name)
    return found !== null && matches(found)
  }
}

function compileValue(kind: HeaderMatch['kind'], value: string): (found: string) => boolean {
  if (kind === 'exact') return found => found === value
  const pattern = wholeMatch(value)
  return found => pattern.test(found)
}

function wholeMatch(source: string): RegExp {
  return new RegExp(`^(?:${source})$`)
}
