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

t.test('those that are exempt count against the ceiling alone', async t => {
  const limit = new ConcurrencyLimit(1)
  limit.ceiling = 2
  t.ok(limit.tryAcquire())
  limit.exempt()
  t.match(limit, { active: 1, counted: 0 })
  t.ok(limit.tryAcquire())
  limit.exempt()
  t.notOk(limit.tryAcquire(), 'the ceiling')
  limit.release(true)
  limit.release(true)
  t.match(limit, { active: 0, counted: 0 })
})
