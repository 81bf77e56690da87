import type { HttpRouteMatch } from '../../../model/kinds/http-route.ts'
import type { RouteMatch } from '../../../model/route.ts'
import { compileHeaders, compileValues, type Matching } from './matching.ts'

const pathKinds = { Exact: 'exact', PathPrefix: 'prefix', RegularExpression: 'regex' } as const

/** HTTPRouteRule.matches in Gateway API. */
export const httpMatching: Matching<HttpRouteMatch> = {
  anything: { headers: [], queryParams: [] },
  compile: compileMatch,
  compare: byPrecedence,
}

function compileMatch({ method, path, headers, queryParams }: HttpRouteMatch): RouteMatch {
  return {
    ...(method !== undefined && { method }),
    ...(path !== undefined && { path: { kind: pathKinds[path.type], value: path.value } }),
    headers: compileHeaders(headers),
    query: compileValues(queryParams),
  }
}

/** Exact path, longest path, method, most headers, most query parameters. */
function byPrecedence(a: HttpRouteMatch, b: HttpRouteMatch): number {
  return (
    pathRank(b) - pathRank(a) ||
    pathLength(b) - pathLength(a) ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.queryParams.length - a.queryParams.length
  )
}

/** Where a regular expression stands is left to the implementation: before prefixes, because it says more. */
function pathRank({ path }: HttpRouteMatch): number {
  switch (path?.type) {
    case 'Exact':
      return 2
    case 'RegularExpression':
      return 1
    case 'PathPrefix':
    case undefined:
      return 0
  }
}

/** A match without a path is one for the prefix "/", and the slash at the end of a prefix means nothing. */
function pathLength({ path }: HttpRouteMatch): number {
  if (path === undefined) return 0
  return path.type === 'PathPrefix' ? path.value.replace(/\/$/, '').length : path.value.length
}
