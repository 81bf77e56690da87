import t from 'tap'
import { parseWrk } from '../../../../bench/measure/wrk.ts'

const report = `Running 4s test @ http://127.0.0.1:40123/
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.31ms  401.11us   9.87ms   90.11%
    Req/Sec    38.02k     2.11k   41.22k    75.00%
  Latency Distribution
     50%  912.00us
     75%    1.44ms
     90%    1.60ms
     99%    2.47ms
  151333 requests in 4.00s, 34.50MB read
Requests/sec:  37821.12
Transfer/sec:      8.62MB
`

t.test('a clean report gives requests, rate, percentiles in ms and bytes', async t => {
  t.strictSame(parseWrk(report), {
    requests: 151_333,
    requestsPerSecond: 37_821.12,
    p50Ms: 0.912,
    p99Ms: 2.47,
    bytesRead: 34.5 * 1024 * 1024,
    errors: [],
  })
})

t.test('socket errors and bad answers are kept in the words of wrk', async t => {
  const failed = report.replace(
    'Requests/sec:',
    '  Socket errors: connect 0, read 3, write 0, timeout 2\n  Non-2xx or 3xx responses: 17\nRequests/sec:',
  )
  t.strictSame(parseWrk(failed).errors, [
    'Socket errors: connect 0, read 3, write 0, timeout 2',
    'Non-2xx or 3xx responses: 17',
  ])
})

t.test('percentiles of seconds and minutes become milliseconds', async t => {
  const slow = report.replace('912.00us', '1.50s ').replace('2.47ms', '1.10m ')
  t.match(parseWrk(slow), { p50Ms: 1500, p99Ms: 66_000 })
})

t.test('a report without figures is no request, not zero milliseconds', async t => {
  const { requests, p50Ms } = parseWrk('unable to connect')
  t.equal(requests, 0)
  t.ok(Number.isNaN(p50Ms))
})
