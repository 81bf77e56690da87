import t from 'tap'
import { HeaderList } from '../../../../src/http/headers.ts'
import { setDeadline, timeoutOf } from '../../../../src/proxy/exchange/deadline.ts'
import { Exchange } from '../../../../src/proxy/exchange/exchange.ts'
import { Chain } from '../../../../src/proxy/exchange/filter.ts'
import { FakeServerStream } from '../../../support/fake-streams.ts'

const chain = new Chain({ filters: [], terminal: () => {}, now: () => 1000 })

function exchange(fields: Record<string, string> = {}, isGrpc = false): Exchange {
  const content = isGrpc ? { 'content-type': 'application/grpc' } : {}
  const headers = HeaderList.of({ ...content, ...fields })
  const grpc = isGrpc ? ({ method: 'POST', version: '2' } as const) : {}
  return new Exchange(new FakeServerStream({ headers, ...grpc }), chain)
}

t.test('the shortest of what there is counts', async t => {
  t.equal(timeoutOf(exchange(), undefined), undefined)
  t.equal(timeoutOf(exchange(), 500), 500)
  const asked = exchange({ 'x-envoy-expected-rq-timeout-ms': '300' })
  t.equal(timeoutOf(asked, undefined), 300)
  t.equal(timeoutOf(asked, 200), 200)
  asked.deadlineAt = 1100
  t.equal(timeoutOf(asked, 200), 100)
  asked.deadlineAt = 900
  t.equal(timeoutOf(asked, 200), -100, 'it has passed')
  const forever = exchange({ 'x-envoy-expected-rq-timeout-ms': '9999999999' })
  t.equal(timeoutOf(forever, undefined), 2 ** 31 - 1)
})

t.test('a gRPC call has a header of its own', async t => {
  const fields = { 'grpc-timeout': '2S', 'x-envoy-expected-rq-timeout-ms': '1' }
  t.equal(timeoutOf(exchange(fields, true), undefined), 2000)
  t.equal(timeoutOf(exchange({ 'grpc-timeout': 'soon' }, true), undefined), undefined)
})

t.test('the next hop is told what is left, never nothing', async t => {
  const headers = new HeaderList()
  setDeadline(headers, 99.9, { isGrpc: false, inMesh: true })
  t.equal(headers.get('x-weft-timeout-ms'), '99')
  t.equal(headers.get('x-envoy-expected-rq-timeout-ms'), '99')
  setDeadline(headers, 0.5, { isGrpc: true, inMesh: false })
  t.equal(headers.get('grpc-timeout'), '1m')
  t.equal(headers.has('x-weft-timeout-ms'), false, 'that is for sidecars')
})
