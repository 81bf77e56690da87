import type { ValueMatch } from '../../../model/kinds/gateway-route.ts'
import type { HeaderMatch, RouteMatch } from '../../../model/route.ts'

/** What differs between the kinds of routes: what their matches ask for, and which of two is the more specific. */
export interface Matching<M> {
  /** Of a rule that gives none. */
  readonly anything: M
  compile(match: M): RouteMatch
  /** Gateway API's order: negative if `a` goes first, 0 if the names of the routes decide. */
  compare(a: M, b: M): number
}

export function compileHeaders(headers: readonly ValueMatch[]): HeaderMatch[] {
  return compileValues(headers).map(match => ({ ...match, name: match.name.toLowerCase() }))
}

export function compileValues(matches: readonly ValueMatch[]): HeaderMatch[] {
  return matches.map(({ name, type, value }) => ({
    name,
    kind: type === 'RegularExpression' ? 'regex' : 'exact',
    value,
  }))
}
