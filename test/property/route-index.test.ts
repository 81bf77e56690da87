// The index of routes against the plain reading of Gateway API: try each in the order of precedence.
import fc from 'fast-check'
import t from 'tap'
import { HeaderList } from '../../src/http/headers.ts'
import type { RequestHead } from '../../src/http/message.ts'
import type { HeaderMatch, RouteMatch } from '../../src/model/route.ts'
import { RouteIndex } from '../../src/proxy/routing/route-index.ts'
import { requestHead } from '../support/requests.ts'

function firstThatFits(routes: readonly Routes[number][], request: RequestHead): number {
  return routes.findIndex(
    ({ matches }) => matches.length === 0 || matches.some(match => fits(match, request)),
  )
}

function fits(
  { method, path, headers = [], query = [] }: RouteMatch,
  request: RequestHead,
): boolean {
  const [target = '', search = ''] = request.path.split(/\?(.*)/s, 2)
  const fields = new URLSearchParams(search)
  return (
    (method === undefined || method === request.method) &&
    (path === undefined || fitsPath(path, target)) &&
    headers.every(match => fitsValue(match, valueOf(match.name, request))) &&
    query.every(match => fitsValue(match, fields.get(match.name) ?? undefined))
  )
}

function fitsPath({ kind, value }: NonNullable<RouteMatch['path']>, path: string): boolean {
  if (kind === 'exact') return path === value
  if (kind === 'regex') return new RegExp(`^(?:${value})$`).test(path)
  const wanted = value.split('/').filter(element => element !== '')
  const elements = path.split('/').slice(1)
  return wanted.every((element, index) => element === elements[index])
}

function fitsValue({ kind, value }: HeaderMatch, found: string | undefined): boolean {
  if (found === undefined) return false
  return kind === 'exact' ? value === found : new RegExp(`^(?:${value})$`).test(found)
}

function valueOf(name: string, { authority, headers }: RequestHead): string | undefined {
  if (name === 'host') return authority
  return headers.has(name) ? headers.getAll(name).join(',') : undefined
}

const element = fc.constantFrom('a', 'b', 'ab', 'a.b')
const plainPath = fc
  .array(element, { maxLength: 3 })
  .chain(elements => fc.constantFrom('', '/').map(end => `/${elements.join('/')}${end}`))
  .map(path => path.replace(/^\/\/$/, '/'))
const method = fc.constantFrom('GET', 'POST', 'PUT')
const value = fc.constantFrom('1', '2', '1,2', '')
const kind = fc.constantFrom('exact' as const, 'regex' as const)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const headerMatch = fc.record({ name: fc.constantFrom('x', 'y', 'host'), kind, value })
const queryMatch = fc.record({ name: fc.constantFrom('q', 'a b'), kind, value })
const pathMatch = fc.oneof(
  fc.record({ kind: fc.constantFrom('exact' as const, 'prefix' as const), value: plainPath }),
  fc.record({
    kind: fc.constant('regex' as const),
    value: fc.constantFrom(
      '/a.*',
      '/[ab]',
      '/.*b',
      '.*',
      '/a/.*',
      '/a/?b',
      '/a/*b',
      '/a/b|/b/.*',
      '/a/b/(a|b)',
    ),
  }),
)
const match: fc.Arbitrary<RouteMatch> = fc
  .record({
    method: maybe(method),
    path: maybe(pathMatch),
    headers: maybe(fc.array(headerMatch, { maxLength: 2 })),
    query: maybe(fc.array(queryMatch, { maxLength: 2 })),
  })
  .map(
    fields =>
      Object.fromEntries(
        Object.entries(fields).filter(([, field]) => field !== undefined),
      ) as RouteMatch,
  )

/** Enough of them for tables within one path; in any order, for the index goes by their places alone. */
const routes = fc.array(fc.record({ matches: fc.array(match, { maxLength: 3 }) }), {
  maxLength: 60,
  size: 'max',
})
type Routes = readonly { readonly matches: readonly RouteMatch[] }[]

const request = fc
  .record({
    method,
    path: plainPath,
    search: fc.constantFrom('', '?', '?q=1', '?q=1&q=2', '?a+b=2&q=', '?a%20b=1,2'),
    fields: fc.array(fc.tuple(fc.constantFrom('X', 'y', 'z'), value), { maxLength: 3 }),
    authority: fc.constantFrom('1', '2', 'orders'),
  })
  .map(({ path, search, fields, ...rest }) => {
    const headers = new HeaderList()
    for (const [name, text] of fields) headers.append(name, text)
    return requestHead({ ...rest, path: path + search, headers })
  })

t.test('the index finds the route that trying each in turn finds', async t => {
  let found = 0
  let none = 0
  fc.assert(
    fc.property(routes, fc.array(request, { minLength: 1, maxLength: 20 }), (list, requests) => {
      const index = new RouteIndex(list)
      return requests.every(each => {
        const wanted = firstThatFits(list, each)
        if (wanted > 0) found++
        if (wanted < 0) none++
        return index.find(each) === wanted
      })
    }),
    { numRuns: 300 },
  )
  t.ok(found > 200, `${found} requests were for a later route`)
  t.ok(none > 20, `${none} for none`)
})
