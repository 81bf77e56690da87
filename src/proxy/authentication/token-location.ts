import type { RequestHead } from '../../http/message.ts'
import type { JwtRule, TokenHeader } from '../../model/policy/request-authentication.ts'

/** The places of a request where tokens may stand. */
export interface TokenLocations {
  readonly headers: readonly TokenHeader[]
  readonly params: readonly string[]
}

/** RFC 6750 §2.1. */
const bearer: TokenHeader = { name: 'authorization', prefix: 'Bearer ' }

/** All places that any of the rules names; without rules that of RFC 6750. */
export function locationsOf(rules: readonly JwtRule[]): TokenLocations {
  if (rules.length === 0) return { headers: [bearer], params: [] }
  const headers = rules.flatMap(({ fromHeaders }) => fromHeaders)
  const different = headers.filter(
    (header, index) => headers.findIndex(other => isSameHeader(other, header)) === index,
  )
  return { headers: different, params: [...new Set(rules.flatMap(({ fromParams }) => fromParams))] }
}

/** Every token that a request has, each once. */
export function findTokens(
  { headers, path }: RequestHead,
  locations: TokenLocations,
): readonly string[] {
  let found: Set<string> | undefined
  for (const { name, prefix } of locations.headers) {
    if (!headers.has(name)) continue
    for (const value of headers.getAll(name))
      // RFC 9110 §11.1: the name of a scheme is written as one likes.
      if (startsWith(value, prefix)) (found ??= new Set()).add(value.slice(prefix.length).trim())
  }
  if (locations.params.length > 0 && path.includes('?')) {
    const query = new URLSearchParams(path.slice(path.indexOf('?')))
    for (const name of locations.params)
      for (const value of query.getAll(name)) (found ??= new Set()).add(value)
  }
  return found === undefined ? none : [...found]
}

const none: readonly string[] = []

/** Whether a rule looks for tokens where this one stands. */
export function isWhereRuleLooks(rule: JwtRule, request: RequestHead, token: string): boolean {
  return findTokens(request, { headers: rule.fromHeaders, params: rule.fromParams }).includes(token)
}

/** Takes it out of the request, wherever it stands. */
export function removeToken(request: RequestHead, { headers, params }: TokenLocations): void {
  for (const { name, prefix } of headers)
    if (request.headers.getAll(name).some(value => startsWith(value, prefix)))
      request.headers.delete(name)
  const mark = request.path.indexOf('?')
  if (params.length === 0 || mark < 0) return
  const kept = request.path
    .slice(mark + 1)
    .split('&')
    .filter(part => !params.includes(parameterName(part)))
    .join('&')
  request.path = request.path.slice(0, mark) + (kept === '' ? '' : `?${kept}`)
}

/** As {@link URLSearchParams} reads it. */
function parameterName(part: string): string {
  return new URLSearchParams(part).keys().next().value ?? ''
}

/** Many applications take any white space after a scheme; RFC 9110 §11.4 has blanks only. */
function startsWith(value: string, prefix: string): boolean {
  const start = value.slice(0, prefix.length).replaceAll('\t', ' ')
  return start.toLowerCase() === prefix.toLowerCase()
}

function isSameHeader(a: TokenHeader, b: TokenHeader): boolean {
  return a.name === b.name && a.prefix === b.prefix
}
