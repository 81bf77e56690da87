import t from 'tap'
import { CallCorrelation } from '../../../../src/proxy/exchange/call-correlation.ts'

function inbound(requestId: string, deadlineAt = 100, attempt = 1) {
  return { requestId, deadlineAt, attempt }
}

const nobody = { requestId: undefined, traceId: undefined }

t.test('a call is known while it lasts', async t => {
  const correlation = new CallCorrelation()
  t.ok(correlation.isIdle)
  const call = inbound('a')
  correlation.begin(call)
  t.equal(correlation.callOf('a'), call)
  t.equal(correlation.callOf('b'), undefined)
  correlation.end(call, false, 50)
  t.ok(correlation.isIdle)
})

t.test('one that was abandoned is known for a while after its deadline', async t => {
  const correlation = new CallCorrelation()
  const [first, second] = [inbound('a', 100), inbound('b', Number.POSITIVE_INFINITY, 2)]
  correlation.begin(first)
  correlation.begin(second)
  correlation.end(first, true, 100)
  correlation.end(second, true, 100)
  t.equal(correlation.callOf('a'), first)
  t.equal(correlation.callOf('b'), undefined, 'without a deadline there is nothing to hold to')
  const later = inbound('c')
  correlation.begin(later)
  correlation.end(later, false, 20_000)
  t.ok(correlation.isIdle)
})

t.test('of two with one id the later one counts, and the end of the first is not its', async t => {
  const correlation = new CallCorrelation()
  const [first, second] = [inbound('a'), inbound('a', 200, 2)]
  correlation.begin(first)
  correlation.begin(second)
  correlation.end(first, false, 10)
  t.equal(correlation.callOf('a'), second)
})

t.test('a failure is that of the request, or the trace, it was passed on with', async t => {
  const correlation = new CallCorrelation()
  correlation.failed({ requestId: 'a', traceId: 'trace' }, 10)
  t.ok(correlation.hasFailed({ requestId: 'a', traceId: undefined }, 5))
  t.ok(correlation.hasFailed({ requestId: 'b', traceId: 'trace' }, 5))
  t.notOk(correlation.hasFailed({ requestId: 'b', traceId: 'other' }, 5))
  t.notOk(correlation.hasFailed({ requestId: 'a', traceId: 'trace' }, 11), 'it was before')
})

t.test('a failure of which nothing is known is that of everybody who waits', async t => {
  const correlation = new CallCorrelation()
  t.notOk(correlation.hasFailed(nobody, 0))
  correlation.failed(nobody, 10)
  t.ok(correlation.hasFailed({ requestId: 'a', traceId: undefined }, 10))
  t.notOk(correlation.hasFailed({ requestId: 'a', traceId: undefined }, 11))
})

t.test('what it remembers is bounded', async t => {
  const correlation = new CallCorrelation({ calls: 2, failures: 2 })
  for (const id of ['a', 'b', 'c']) correlation.begin(inbound(id))
  t.equal(correlation.callOf('c'), undefined)
  for (const id of ['a', 'b', 'a', 'c'])
    correlation.failed({ requestId: id, traceId: undefined }, 10)
  const failed = ['a', 'b', 'c'].filter(requestId =>
    correlation.hasFailed({ requestId, traceId: undefined }, 0),
  )
  t.strictSame(failed, ['a', 'c'], 'the one whose failure is longest ago is forgotten')
})

t.test('callers who leave long before far deadlines do not take the room of others', async t => {
  const correlation = new CallCorrelation({ calls: 4, failures: 1 })
  for (let i = 0; i < 10; i++) {
    const call = inbound(`gone ${i}`, 1e9)
    correlation.begin(call)
    correlation.end(call, true, 10)
  }
  correlation.begin(inbound('here'))
  t.ok(correlation.callOf('here'))
  t.ok(correlation.callOf('gone 9'), 'the last ones are known')
})
