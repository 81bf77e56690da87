import t from 'tap'
import { faultOf } from '../../../../bench/measure/measurement.ts'

const clean = {
  requests: 1000,
  requestsPerSecond: 250,
  p50Ms: 1,
  p99Ms: 2,
  bytesRead: 250_000,
  errors: [],
}

const payload = { protocol: 'http1', answerBytes: 100 } as const

t.test('a run in which all requests got whole answers has no fault', async t => {
  t.equal(faultOf(clean, payload), undefined)
})

t.test('errors of the client are the fault', async t => {
  const errors = ['Non-2xx or 3xx responses: 17', 'Socket errors: read 3']
  t.equal(
    faultOf({ ...clean, errors }, payload),
    'Non-2xx or 3xx responses: 17; Socket errors: read 3',
  )
})

t.test('fewer bytes than the answers have are a fault, though every status was fine', async t => {
  t.match(faultOf({ ...clean, bytesRead: 90_000 }, payload), /90000 bytes read of 100000/)
})

t.test('a run without one answer is a fault', async t => {
  t.equal(faultOf({ ...clean, requests: 0, bytesRead: 0 }, payload), 'no answer')
})

t.test('a run whose latencies are unknown is a fault', async t => {
  t.match(faultOf({ ...clean, p99Ms: Number.NaN }, payload), 'no percentiles')
})

t.test('what HTTP/2 brought is counted exactly, so that one failed gRPC call shows', async t => {
  const grpc = { protocol: 'http2', answerBytes: 105 } as const
  t.equal(faultOf({ ...clean, bytesRead: 105_000 }, grpc), undefined)
  t.match(faultOf({ ...clean, bytesRead: 104_895 }, grpc), /104895 bytes read of 105000/)
})

t.test('TCP has neither answers nor latencies to look at', async t => {
  const tcp = { protocol: 'tcp', answerBytes: 0 } as const
  const bytes = { ...clean, p50Ms: Number.NaN, p99Ms: Number.NaN, bytesRead: 0 }
  t.equal(faultOf(bytes, tcp), undefined)
  t.equal(faultOf({ ...bytes, requests: 0 }, tcp), 'no answer')
})
