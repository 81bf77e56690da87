import t from 'tap'
import { CronSchedule } from '../../../../src/base/cron.ts'
import { FiredRuns } from '../../../../src/functions/triggers/fired-runs.ts'

const at = (minute: number): number => Date.UTC(2026, 0, 1) + minute * 60_000
const runs = (...minutes: number[]): FiredRuns => {
  const fired = new FiredRuns(new CronSchedule('* * * * *'))
  for (const minute of minutes) fired.add(at(minute))
  return fired
}

t.test('what was emitted is passed over, and the gaps are not', async t => {
  const fired = runs(1, 2, 3, 7, 8)
  t.same(
    [0, 1, 3, 5, 6, 7, 9].map(minute => (fired.nextAfter(at(minute))! - at(0)) / 60_000),
    [4, 4, 4, 6, 9, 9, 10],
  )
  t.same(
    [1, 3, 4, 7, 8, 9].map(minute => fired.has(at(minute))),
    [true, true, false, true, true, false],
  )
})

t.test('spans that meet are passed over together', async t => {
  const fired = runs(5, 6, 3, 4)
  t.equal(fired.nextAfter(at(2)), at(7))
})

t.test('the oldest spans are forgotten', async t => {
  const fired = runs(...Array.from({ length: 65 }, (_, i) => 2 * i))
  t.notOk(fired.has(at(0)))
  t.ok(fired.has(at(2)))
})
