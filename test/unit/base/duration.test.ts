import t from 'tap'
import { parseDuration } from '../../../src/base/duration.ts'

t.test('durations of Gateway API become milliseconds', async t => {
  const table: [string, number][] = [
    ['10s', 10_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['1h30m', 5_400_000],
    ['1m30s500ms', 90_500],
    ['30s1m', 90_000],
    ['0s', 0],
    ['99999ms', 99_999],
  ]
  for (const [text, ms] of table) t.equal(parseDuration(text), ms, text)
})

t.test('what is malformed is undefined', async t => {
  for (const text of [
    '',
    '10',
    's',
    '1d',
    '1.5s',
    '-1s',
    '1s ',
    ' 1s',
    '1 s',
    '1S',
    '123456ms',
    '1h1m1s1ms1s',
    '1s\n',
  ])
    t.equal(parseDuration(text), undefined, JSON.stringify(text))
})
