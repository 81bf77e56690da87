import t from 'tap'
import { ExchangeError } from '../../../../src/base/errors.ts'
import { HeaderList } from '../../../../src/http/headers.ts'
import { CallCorrelation } from '../../../../src/proxy/exchange/call-correlation.ts'
import { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { InboundCallsFilter, OutboundCallsFilter } from '../../../../src/proxy/filters/calls.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'
import { responseHead } from '../../../support/requests.ts'

function setUp() {
  const correlation = new CallCorrelation()
  const filter = new InboundCallsFilter(correlation)
  const chain = new Chain({ filters: [filter], terminal: () => {}, now: () => 1000 })
  const request = (fields: Record<string, string>, peer?: string, isAdmitted = true): Exchange => {
    const stream = new FakeServerStream({ headers: HeaderList.of(fields) })
    Object.assign(stream.connection, { peerIdentity: peer })
    const exchange = new Exchange(stream, chain)
    filter.onRequest(exchange)
    if (isAdmitted) filter.admitted.onRequest?.(exchange)
    return exchange
  }
  return { correlation, request, outbound: new OutboundCallsFilter(correlation) }
}

const peer = 'spiffe://weft.local/ns/default/sa/web'

t.test('what a sidecar says of deadline and attempt is taken over, and taken away', async t => {
  const { request, correlation } = setUp()
  const exchange = request(
    { 'x-weft-timeout-ms': '50', 'x-weft-attempt': '2', 'x-request-id': 'a' },
    peer,
  )
  t.equal(exchange.deadlineAt, 1050)
  t.match(correlation.callOf('a'), { deadlineAt: 1050, attempt: 2 })
  t.strictSame(exchange.request.headers.names, ['x-request-id'])
  exchange.relayHead(responseHead(200), true)
  t.ok(correlation.isIdle)
})

t.test('what anybody else says of them is only taken away', async t => {
  const { request, correlation } = setUp()
  const exchange = request({ 'x-weft-timeout-ms': '50', 'x-weft-attempt': '2' })
  t.equal(exchange.deadlineAt, Number.POSITIVE_INFINITY)
  t.strictSame(exchange.request.headers.names, [])
  t.ok(correlation.isIdle)
  t.equal(request({ 'x-weft-timeout-ms': 'soon' }, peer).deadlineAt, Number.POSITIVE_INFINITY)
})

t.test('who is refused leaves nothing behind that the calls of others go by', async t => {
  const { request, correlation } = setUp()
  const fields = { 'x-weft-timeout-ms': '1', 'x-request-id': 'a' }
  const refused = request(fields, peer, false)
  t.equal(refused.deadlineAt, 1001)
  refused.fail(new ExchangeError('denied', 'not you'))
  t.ok(correlation.isIdle)
})

t.test('a call of the application takes over what its request has', async t => {
  const { request, outbound } = setUp()
  request({ 'x-weft-timeout-ms': '50', 'x-weft-attempt': '3', 'x-request-id': 'a' }, peer)
  const chain = new Chain({ filters: [outbound], terminal: () => {}, now: () => 1010 })
  const call = (id: string): Exchange => {
    const headers = HeaderList.of({ 'x-request-id': id })
    const exchange = new Exchange(new FakeServerStream({ headers }), chain)
    outbound.onRequest(exchange)
    return exchange
  }
  t.match(call('a'), { deadlineAt: 1050, upperAttempt: 3 })
  t.match(call('b'), { deadlineAt: Number.POSITIVE_INFINITY, upperAttempt: 1 })
})

t.test(
  'a failure of the application is marked for its sidecar if its call was repeated',
  async t => {
    const { request, correlation } = setUp()
    const marked = (caller: string | undefined, status: number): string | undefined => {
      const exchange = request({ 'x-request-id': 'a' }, caller)
      const head = responseHead(status, {
        headers: HeaderList.of({ 'x-weft-retried': 'so it says' }),
      })
      exchange.relayHead(head, true)
      return head.headers.get('x-weft-retried')
    }
    t.equal(marked(peer, 503), undefined, 'not by its own word')
    correlation.failed({ requestId: 'a', traceId: undefined }, 1000)
    t.equal(marked(peer, 503), '1')
    t.equal(marked(undefined, 503), undefined, 'outside the mesh nobody would understand it')
  },
)
