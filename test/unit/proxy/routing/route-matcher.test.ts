import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import type { RequestHead } from '../../../../src/http/message.ts'
import type { RouteMatch } from '../../../../src/model/route.ts'
import { RouteIndex } from '../../../../src/proxy/routing/route-index.ts'
import { requestHead } from '../../../support/requests.ts'

/** Whether a route with these matches takes a request. */
function compileMatches(matches: readonly RouteMatch[]): (request: RequestHead) => boolean {
  const index = new RouteIndex([{ matches }])
  return request => index.find(request) === 0
}

function paths(match: RouteMatch, candidates: string[]): string[] {
  const matches = compileMatches([match])
  return candidates.filter(path => matches(requestHead({ path })))
}

t.test('a prefix matches whole path elements only', async t => {
  const found = paths({ path: { kind: 'prefix', value: '/foo' } }, [
    '/foo',
    '/foo/',
    '/foo/bar',
    '/foo?x=1',
    '/foobar',
    '/',
    '/a/foo',
  ])
  t.strictSame(found, ['/foo', '/foo/', '/foo/bar', '/foo?x=1'])
})

t.test('a prefix with a trailing slash matches the same paths as without', async t => {
  const found = paths({ path: { kind: 'prefix', value: '/foo/' } }, ['/foo', '/foo/bar', '/foobar'])
  t.strictSame(found, ['/foo', '/foo/bar'])
})

t.test('an exact path leaves the query out of account and nothing else', async t => {
  const found = paths({ path: { kind: 'exact', value: '/a' } }, ['/a', '/a?b', '/a/', '/A'])
  t.strictSame(found, ['/a', '/a?b'])
})

t.test('a regular expression must match the whole path', async t => {
  const found = paths({ path: { kind: 'regex', value: '/v[0-9]+|/beta' } }, [
    '/v1',
    '/v1/x',
    '/beta',
    '/x/beta',
  ])
  t.strictSame(found, ['/v1', '/beta'])
})

t.test('all conditions of a match must hold, and any match of a route suffices', async t => {
  const matches = compileMatches([
    { method: 'POST', path: { kind: 'prefix', value: '/a' } },
    { query: [{ name: 'canary', kind: 'exact', value: 'yes' }] },
  ])
  t.ok(matches(requestHead({ method: 'POST', path: '/a/b' })))
  t.notOk(matches(requestHead({ method: 'GET', path: '/a/b' })))
  t.ok(matches(requestHead({ method: 'GET', path: '/c?canary=yes' })))
  t.notOk(matches(requestHead({ method: 'GET', path: '/c?canary=no' })))
})

t.test('a header match sees every value of the header', async t => {
  const matches = compileMatches([{ headers: [{ name: 'x-user', kind: 'exact', value: 'a,b' }] }])
  const headers = new HeaderList()
  headers.append('X-User', 'a')
  t.notOk(matches(requestHead({ headers })))
  headers.append('x-user', 'b')
  t.ok(matches(requestHead({ headers })))
})

t.test('a match without conditions, and no match at all, take every request', async t => {
  t.ok(compileMatches([])(requestHead()))
  t.ok(compileMatches([{}])(requestHead()))
  t.ok(compileMatches([{ path: { kind: 'prefix', value: '/' } }])(requestHead({ path: '*' })))
})
