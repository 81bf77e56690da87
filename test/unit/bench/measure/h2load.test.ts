import t from 'tap'
import { parseH2load } from '../../../../bench/measure/h2load.ts'

const report = `starting benchmark...
spawning thread #0: 10 total client(s). Timing-based test with 0s of warm-up time and 4s of main duration for measurements.
progress: 100% of clients started

finished in 4.00s, 51637.25 req/s, 11.28MB/s
requests: 206549 total, 206649 started, 206549 done, 206549 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 206549 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 45.11MB (47302721) total, 12.80MB (13425685) headers (space savings 73.05%), 20.68MB (21687645) data
                     min         max         mean         sd        +/- sd
time for request:      320us      9.32ms      1.93ms       624us    81.14%
`

/** Start in µs, status, duration in µs. */
function log(...durations: readonly number[]): string {
  return durations.map((us, index) => `${1_700_000_000_000_000 + index}\t200\t${us}\n`).join('')
}

t.test('a clean report and its log give requests, rate, percentiles in ms and bytes', async t => {
  const durations = Array.from({ length: 100 }, (_, index) => (100 - index) * 1000)
  t.strictSame(parseH2load(report, log(...durations)), {
    requests: 206_549,
    requestsPerSecond: 51_637.25,
    p50Ms: 50,
    p99Ms: 99,
    bytesRead: 21_687_645,
    errors: [],
  })
})

t.test('requests that failed are kept in the words of h2load', async t => {
  const line =
    'requests: 100 total, 101 started, 100 done, 90 succeeded, 10 failed, 0 errored, 0 timeout'
  const failed = report.replace(/^requests: .*$/m, line)
  t.strictSame(parseH2load(failed, log(1)).errors, [line])
})

t.test('connections that broke off are an error, though every answer was fine', async t => {
  const broken = report.replace('0 errored', '3 errored')
  t.match(parseH2load(broken, log(1)).errors, [/3 errored/])
})

t.test('no report is an error, not zero milliseconds', async t => {
  const { requests, p50Ms, errors } = parseH2load('', '')
  t.equal(requests, 0)
  t.ok(Number.isNaN(p50Ms))
  t.strictSame(errors, ['h2load gave no report'])
})
