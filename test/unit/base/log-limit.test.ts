import t from 'tap'
import { LogLimit } from '../../../src/base/log-limit.ts'

t.test('so many lines a second are admitted, the rest is counted', async t => {
  const limit = new LogLimit(2)
  t.strictSame(
    [0, 10, 20, 999].map(now => limit.admit(now)),
    [true, true, false, false],
  )
  t.equal(limit.takeSuppressed(), 2)
  t.equal(limit.takeSuppressed(), 0)
  t.equal(limit.admit(1000), true)
})

t.test('the period may be another than a second', async t => {
  const limit = new LogLimit(1, 60_000)
  t.strictSame(
    [5, 1005, 60_004, 60_005].map(now => limit.admit(now)),
    [true, false, false, true],
  )
})
