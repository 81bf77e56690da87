import t from 'tap'
import { duration, positiveDuration, urlPath } from '../../../../src/model/kinds/common.ts'

t.test('a duration becomes milliseconds', async t => {
  t.equal(duration.parse('1m30s'), 90_000)
  t.equal(duration.parse('0s'), 0)
})

t.test('what is no duration is quoted', async t => {
  for (const text of ['', '10', '10 s', '-1s', '1d'])
    t.match(duration.safeParse(text).error?.issues, [
      { message: `${JSON.stringify(text)} is no duration such as 500ms, 10s or 1m30s` },
    ])
})

t.test('a duration is one that a timer of Node can hold', async t => {
  t.equal(duration.parse('596h31m23s647ms'), 2 ** 31 - 1)
  t.match(duration.safeParse('596h31m23s648ms').error?.issues, [
    { message: '"596h31m23s648ms" is over 24 days' },
  ])
})

t.test('a positive duration is more than nothing, and wrong in one way only', async t => {
  t.equal(positiveDuration.parse('1ms'), 1)
  t.match(positiveDuration.safeParse('0ms').error?.issues, [{ message: 'must be longer than 0s' }])
  t.equal(positiveDuration.safeParse('soon').error?.issues.length, 1)
})

t.test('a path can stand in the first line of a request', async t => {
  for (const path of ['/', '/healthz?full=1', '/%20']) t.ok(urlPath.safeParse(path).success, path)
  for (const path of ['', 'a', '/a b', '/a\r\nx: y', '/é'])
    t.notOk(urlPath.safeParse(path).success, path)
})
