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

t.test('a run in which all requests got whole answers has no fault', async t => {
  t.equal(faultOf(clean, 100), undefined)
})

t.test('errors of the client are the fault', async t => {
  const errors = ['Non-2xx or 3xx responses: 17', 'Socket errors: read 3']
  t.equal(faultOf({ ...clean, errors }, 100), 'Non-2xx or 3xx responses: 17; Socket errors: read 3')
})

t.test('fewer bytes than the answers have are a fault, though every status was fine', async t => {
  t.match(faultOf({ ...clean, bytesRead: 90_000 }, 100), /90000 bytes read of 100000/)
})

t.test('a run without one answer is a fault', async t => {
  t.equal(faultOf({ ...clean, requests: 0, bytesRead: 0 }, 100), 'no answer')
})

t.test('a run whose latencies are unknown is a fault', async t => {
  t.match(faultOf({ ...clean, p99Ms: Number.NaN }, 100), 'no percentiles')
})
