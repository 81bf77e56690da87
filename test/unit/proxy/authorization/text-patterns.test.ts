import t from 'tap'
import { TextPatterns } from '../../../../src/proxy/authorization/text-patterns.ts'

t.test('a wildcard stands for a beginning, an end, or anything but nothing', async t => {
  const matches = (pattern: string, ...texts: string[]) =>
    texts.map(text => new TextPatterns([pattern]).matches(text))
  t.same(matches('abc', 'abc', 'abcd', 'ABC', ''), [true, false, false, false])
  t.same(matches('ab*', 'ab', 'abc', 'xab', 'a'), [true, true, false, false])
  t.same(matches('*bc', 'bc', 'abc', 'bcx', 'c'), [true, true, false, false])
  t.same(matches('*', 'a', ''), [true, false])
  t.same(matches('a.c', 'a.c', 'abc'), [true, false], 'texts are no regular expressions')
})

t.test('one of several suffices', async t => {
  const patterns = new TextPatterns(['a', 'b*', '*c'])
  t.same(
    ['a', 'bx', 'xc', 'x'].map(text => patterns.matches(text)),
    [true, true, true, false],
  )
  t.notOk(new TextPatterns([]).matches('a'))
})
