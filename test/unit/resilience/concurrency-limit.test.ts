import t from 'tap'
import { ConcurrencyLimit } from '../../../src/resilience/concurrency-limit.ts'

t.test('no more than the maximum are in flight', async t => {
  const limit = new ConcurrencyLimit(2)
  t.strictSame([limit.tryAcquire(), limit.tryAcquire(), limit.tryAcquire()], [true, true, false])
  t.equal(limit.active, 2)
  limit.release()
  t.equal(limit.tryAcquire(), true)
})

t.test('a lowered maximum lets those in flight finish', async t => {
  const limit = new ConcurrencyLimit(2)
  limit.tryAcquire()
  limit.tryAcquire()
  limit.max = 1
  limit.release()
  t.equal(limit.tryAcquire(), false)
  limit.release()
  t.equal(limit.tryAcquire(), true)
})
