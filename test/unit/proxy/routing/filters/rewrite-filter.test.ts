import t from 'tap'
import { RewriteFilter } from '../../../../../src/proxy/routing/filters/rewrite-filter.ts'
import { routedExchange } from '../../../../support/routing.ts'

t.test('name and path are rewritten, each where it is given', async t => {
  const path = { kind: 'prefix', prefix: '/a', value: '/b' } as const
  const { exchange } = routedExchange({ path: '/a/c?d' })
  t.ok(new RewriteFilter({ kind: 'rewrite', path }).onRequest(exchange))
  t.match(exchange.request, { authority: 'orders', path: '/b/c?d' })
  t.ok(new RewriteFilter({ kind: 'rewrite', hostname: 'a.example' }).onRequest(exchange))
  t.match(exchange.request, { authority: 'a.example', path: '/b/c?d' })
})

t.test('what the caller asked for is kept for the log', async t => {
  const { exchange } = routedExchange({ path: '/a' })
  t.equal(exchange.asked, undefined)
  new RewriteFilter({ kind: 'rewrite', hostname: 'a.example' }).onRequest(exchange)
  t.same(exchange.asked, { authority: 'orders', path: '/a' })
})

t.test('also where the backend rewrites what the route has rewritten', async t => {
  const { exchange } = routedExchange({ path: '/a' })
  for (const value of ['/b', '/c'])
    new RewriteFilter({ kind: 'rewrite', path: { kind: 'full', value } }).onRequest(exchange)
  t.equal(exchange.request.path, '/c')
  t.same(exchange.asked, { authority: 'orders', path: '/a' })
})
