// What it finds is held against the plain order by test/property/route-index.test.ts.
import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import type { RouteMatch } from '../../../../src/model/route.ts'
import { RouteIndex } from '../../../../src/proxy/routing/route-index.ts'
import { requestHead } from '../../../support/requests.ts'

function indexOf(...matches: RouteMatch[]): RouteIndex {
  return new RouteIndex(matches.map(match => ({ matches: [match] })))
}

const many = Array.from({ length: 5000 }, (_, index) => index)

t.test('the first that fits is found among thousands, by what they differ in', async t => {
  const prefix = (value: string) => ({ kind: 'prefix', value }) as const
  const byPath = indexOf(...many.map(number => ({ path: prefix(`/s${number}`) })))
  t.equal(byPath.find(requestHead({ path: '/s4999/x?y' })), 4999)
  t.equal(byPath.find(requestHead({ path: '/s5000' })), -1)
  const byPattern = indexOf(
    ...many.map(number => ({ path: { kind: 'regex', value: `/s${number}/[a-z]+` } as const })),
  )
  t.equal(byPattern.find(requestHead({ path: '/s4999/x' })), 4999)
  t.equal(byPattern.find(requestHead({ path: '/s4999/1' })), -1)
  const byHeader = indexOf(
    ...many.map(number => ({
      path: prefix('/api'),
      headers: [{ name: 'x-tenant', kind: 'exact', value: String(number) }] as const,
    })),
  )
  const headers = HeaderList.of({ 'x-tenant': '4321' })
  t.equal(byHeader.find(requestHead({ path: '/api', headers })), 4321)
  t.equal(byHeader.find(requestHead({ path: '/api' })), -1)
  const byQuery = indexOf(
    ...many.map(number => ({
      query: [{ name: 'page no', kind: 'exact', value: String(number) }] as const,
    })),
  )
  t.equal(byQuery.find(requestHead({ path: '/?page+no=1234' })), 1234)
})

t.test('a route that comes earlier is not passed over for a longer path', async t => {
  const index = indexOf(
    { path: { kind: 'regex', value: '/a.*' }, method: 'GET' },
    { path: { kind: 'exact', value: '/a/b' } },
    { path: { kind: 'prefix', value: '/a' } },
  )
  t.equal(index.find(requestHead({ path: '/a/b' })), 0)
  t.equal(index.find(requestHead({ path: '/a/b', method: 'POST' })), 1)
  t.equal(index.find(requestHead({ path: '/a/c', method: 'POST' })), 2)
})

t.test('one request says nothing about the next', async t => {
  const index = indexOf({ query: [{ name: 'q', kind: 'exact', value: '1' }] })
  t.equal(index.find(requestHead({ path: '/?q=1' })), 0)
  t.equal(index.find(requestHead({ path: '/?q=2' })), -1)
  t.equal(index.find(requestHead({ path: '/' })), -1)
})
