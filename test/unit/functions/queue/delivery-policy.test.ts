import t from 'tap'
import {
  defaultPolicy,
  retryDelayMs,
  throttleDelayMs,
} from '../../../../src/functions/queue/delivery-policy.ts'

t.test('retries wait a minute, then two, unless told otherwise', async t => {
  t.equal(retryDelayMs(defaultPolicy, 0), 60_000)
  t.equal(retryDelayMs(defaultPolicy, 1), 120_000)
  t.equal(retryDelayMs({ ...defaultPolicy, backoffMs: 10 }, 3), 80)
})

t.test('the wait for room has a bound that doubles from a second to five minutes', async t => {
  const bounds = [0, 1, 2, 8, 9, 5000].map(times => throttleDelayMs(times, () => 1))
  t.strictSame(bounds, [1000, 2000, 4000, 256_000, 300_000, 300_000])
  t.equal(
    throttleDelayMs(5, () => 0),
    0,
  )
})
