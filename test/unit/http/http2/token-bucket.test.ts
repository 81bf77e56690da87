import t from 'tap'
import { TokenBucket } from '../../../../src/http/http2/token-bucket.ts'

t.test('a burst is granted at once, the rate after it', async t => {
  let now = 0
  const bucket = new TokenBucket(3, 10, () => now)
  t.strictSame(
    [1, 1, 1, 1].map(count => bucket.take(count)),
    [true, true, true, false],
  )
  now = 99
  t.equal(bucket.take(1), false)
  now = 200
  t.strictSame(
    [1, 1, 1].map(count => bucket.take(count)),
    [true, true, false],
  )
})

t.test('a long rest fills no more than the burst', async t => {
  let now = 0
  const bucket = new TokenBucket(2, 1000, () => now)
  bucket.take(2)
  now = 1_000_000
  t.equal(bucket.take(3), false)
  t.equal(bucket.take(2), true)
  t.equal(bucket.take(1), false)
})
