import fc from 'fast-check'
import t from 'tap'
import { cronProblem, CronSchedule } from '../../../src/base/cron.ts'

const midnight = Date.UTC(2026, 0, 1)

t.test('expressions of 5 and 6 fields are taken', async t => {
  for (const expression of [
    '* * * * *',
    '*/5 * * * * *',
    '0 0 29 2 *',
    ' 30 2  * * MON-FRI ',
    '0 0 L * *',
    '0 12 * JAN,JUL 5#2',
  ])
    t.equal(cronProblem(expression), undefined, expression)
  t.equal(cronProblem('* * * * *', 'America/New_York'), undefined)
})

t.test('garbage is refused with what to write instead', async t => {
  for (const expression of [
    '',
    'x',
    '@daily',
    '2026-01-01T00:00:00',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '*/0 * * * *',
    '5-1 * * * *',
    '-1 * * * *',
    '\u0000 * * * *',
    '"; x * * * *',
  ])
    t.match(cronProblem(expression), /write 5 fields \(minute hour day month weekday\)/, expression)
  t.match(cronProblem(`${'*,'.repeat(200)}* * * * *`), /more than 256 characters/)
})

t.test('dates that never come are told apart, and soon', async t => {
  for (const expression of ['0 0 30 2 *', '* * * 31 2,4,6,9,11 *', '0 0 31W 2 *'])
    t.match(cronProblem(expression, 'Europe/Berlin'), /never due/, expression)
})

t.test('a time zone must exist', async t => {
  t.match(cronProblem('* * * * *', 'Mars/Olympus'), /no time zone "Mars\/Olympus"/)
  t.match(cronProblem('* * * * *', ''), /no time zone/)
})

t.test('instants are in UTC unless a zone is named', async t => {
  t.equal(new CronSchedule('0 6 * * *').after(midnight), midnight + 6 * 3_600_000)
  t.equal(new CronSchedule('0 6 * * *', 'Asia/Tokyo').after(midnight), midnight + 21 * 3_600_000)
})

t.test('the next instant is later, the last one may be now', async t => {
  const schedule = new CronSchedule('* * * * * *')
  t.equal(schedule.after(midnight), midnight + 1000)
  t.equal(schedule.after(midnight - 1), midnight)
  t.equal(schedule.upTo(midnight), midnight)
  t.equal(schedule.upTo(midnight - 1), midnight - 1000)
})

t.test('a time that summer time leaves out comes when the clock has jumped', async t => {
  const schedule = new CronSchedule('30 2 * * *', 'Europe/Berlin')
  t.equal(schedule.after(Date.UTC(2026, 2, 28, 12)), Date.UTC(2026, 2, 29, 1))
})

t.test('whatever is written, the outcome is a sentence or a schedule', async () => {
  const part = fc.constantFrom(
    ...'* ? L W # 5 31 30 FEB MON / , - 59 15W LW 5#5 +MON 2,4 */2'.split(' '),
  )
  const field = fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join(''))
  const expression = fc.oneof(
    fc.array(field, { minLength: 4, maxLength: 7 }).map(all => all.join(' ')),
    fc.string(),
  )
  const hold = (text: string, zone: string | undefined): boolean => {
    if (cronProblem(text, zone) !== undefined) return true
    const next = new CronSchedule(text, zone).after(midnight)
    return next !== undefined && next > midnight
  }
  fc.assert(
    fc.property(
      expression,
      fc.option(fc.constantFrom('UTC', 'Europe/Berlin'), { nil: undefined }),
      hold,
    ),
    { numRuns: 500 },
  )
})
