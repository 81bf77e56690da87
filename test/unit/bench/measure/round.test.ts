import t from 'tap'
import { rotate } from '../../../../bench/measure/round.ts'

t.test('each round begins one subject later and keeps the order', async t => {
  const subjects = ['weft', 'envoy', 'haproxy']
  t.strictSame(rotate(subjects, 0), subjects)
  t.strictSame(rotate(subjects, 1), ['envoy', 'haproxy', 'weft'])
  t.strictSame(rotate(subjects, 5), ['haproxy', 'weft', 'envoy'])
  t.strictSame(rotate([], 2), [])
})
