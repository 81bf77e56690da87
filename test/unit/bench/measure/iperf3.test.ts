import t from 'tap'
import { parseIperf3 } from '../../../../bench/measure/iperf3.ts'

t.test('what the server received counts, in megabytes', async t => {
  const end = {
    sum_sent: { bytes: 4_100_000_000, bits_per_second: 8_200_000_000 },
    sum_received: { bytes: 4_000_000_000, bits_per_second: 8_000_000_000 },
  }
  t.match(parseIperf3(JSON.stringify({ end })), {
    requests: 4000,
    requestsPerSecond: 1000,
    errors: [],
  })
})

t.test('an error is kept in the words of iperf3', async t => {
  const error = 'unable to connect to server: Connection refused'
  t.match(parseIperf3(JSON.stringify({ end: {}, error })), { requests: 0, errors: [error] })
})
