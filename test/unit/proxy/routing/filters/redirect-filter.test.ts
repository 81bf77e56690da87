import t from 'tap'
import type { RequestHead } from '../../../../../src/http/message.ts'
import type { RedirectFilter as Redirect } from '../../../../../src/model/route-filter.ts'
import { RedirectFilter } from '../../../../../src/proxy/routing/filters/redirect-filter.ts'
import { routedExchange } from '../../../../support/routing.ts'

function answerTo(redirect: Partial<Redirect>, request: Partial<RequestHead> = {}) {
  const { exchange, stream } = routedExchange({ path: '/a?b=c', ...request })
  const goesOn = new RedirectFilter({ kind: 'redirect', status: 302, ...redirect }).onRequest(
    exchange,
  )
  return { goesOn, exchange, stream, head: stream.heads[0] }
}

function locationOf(redirect: Partial<Redirect>, authority = 'orders'): string | undefined {
  return answerTo(redirect, { authority }).head?.headers.get('location')
}

t.test('the request is answered with its own address, changed as the route says', async t => {
  const { goesOn, exchange, stream, head } = answerTo({ status: 308, hostname: 'shop.example' })
  t.notOk(goesOn)
  t.match(head, { status: 308, bodyLength: 0 })
  t.equal(head?.headers.get('location'), 'http://shop.example/a?b=c')
  t.equal(head?.headers.get('x-weft-reason'), 'redirect')
  t.ok(stream.ended)
  t.ok(exchange.completed)
  t.equal(exchange.reason, undefined, 'it is no failure')
})

t.test('the port is that of a scheme that is given, else what the caller wrote', async t => {
  t.equal(locationOf({}, 'orders:8080'), 'http://orders:8080/a?b=c')
  t.equal(locationOf({ scheme: 'https' }, 'orders:8080'), 'https://orders/a?b=c')
  t.equal(locationOf({ scheme: 'https', port: 8443 }), 'https://orders:8443/a?b=c')
  t.equal(locationOf({ hostname: 'a.example' }, 'orders:8080'), 'http://a.example:8080/a?b=c')
})

t.test('the well-known port of the scheme is not written', async t => {
  t.equal(locationOf({ port: 80 }), 'http://orders/a?b=c')
  t.equal(locationOf({ scheme: 'https', port: 443 }), 'https://orders/a?b=c')
  t.equal(locationOf({ scheme: 'https', port: 80 }), 'https://orders:80/a?b=c')
  t.equal(locationOf({}, 'orders:80'), 'http://orders/a?b=c')
})

t.test('an IPv6 address keeps its brackets', async t => {
  t.equal(locationOf({}, '[::1]:8080'), 'http://[::1]:8080/a?b=c')
  t.equal(locationOf({ port: 81 }, '[::1]'), 'http://[::1]:81/a?b=c')
})
