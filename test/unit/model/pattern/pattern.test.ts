import t from 'tap'
import { unsafePattern } from '../../../../src/model/pattern/pattern.ts'

t.test('patterns that people write are taken', async t => {
  const patterns = [
    '',
    '/v[0-9]+|/beta',
    '/users/[^/]+/orders/[^/]+',
    '/api(/.*)?',
    '.*\\.(?:js|css)',
    '.*/admin/.*',
    '^/a/?$',
    '(?:foo|foobar)',
    '(?<version>v\\d+)/.*',
    '\\d+(\\.\\d+)*',
    '[0-9a-f]{8}-[0-9a-f]{4,}',
    '(?:[a-z0-9-]+\\.)+example\\.com',
    '(a|b)*',
    '(?:yes|no|maybe)?',
    'Mozilla/5\\.0 .*',
    '[\\]\\x41\\u00e9]+\\/',
    '(/|$)',
    '.*?x',
    'a]}{',
  ]
  for (const pattern of patterns) t.equal(unsafePattern(pattern), undefined, pattern)
})

t.test('a repetition that takes a text in two ways is refused', async t => {
  const patterns = [
    '(a*)*',
    '(a+)+',
    '(?:a|a)*',
    '(a|ab|b)*',
    '(\\w+\\s?)*',
    '([a-zA-Z]+)*',
    '(a|aa)+',
    '(.*,){11}P',
    '(a?b?)*',
    '(?:x(?:ab|ab))*',
    '((a)*b?)*',
  ]
  for (const pattern of patterns) t.match(unsafePattern(pattern), /could double/, pattern)
})

t.test('a repetition that runs into another is refused, unless that takes all', async t => {
  for (const pattern of ['.*.*x', 'a*a*b', '.*a[^b]*b', '\\d+\\d+', '.*=.*=.*', '.*,(?:x|y)*'])
    t.match(unsafePattern(pattern), /square/, pattern)
  for (const pattern of ['.*a.*', '.+.+', '[^/]*/.*', '\\w+@\\w+'])
    t.equal(unsafePattern(pattern), undefined, pattern)
})

t.test('what may be empty is not repeated a number of times', async t => {
  for (const pattern of ['(a?){50}a{50}', '(a?)+', '(?:a*){2,}', '(){9}'])
    t.match(unsafePattern(pattern), /what may be empty/, pattern)
  for (const pattern of ['(?:a?)*', '(?:a?){0,}'])
    t.equal(unsafePattern(pattern), undefined, pattern)
})

t.test('only one of several alternatives may be empty', async t => {
  for (const pattern of ['(?:|)(?:|)', '(?:a?|b?)', 'a*|b*'])
    t.match(unsafePattern(pattern), /both be empty/, pattern)
  t.equal(unsafePattern('(?:a|)b'), undefined)
})

t.test('options and alternatives for the same text may not multiply', async t => {
  t.match(unsafePattern(`${'a?'.repeat(25)}${'a'.repeat(25)}`), /too many alternatives/)
  t.match(unsafePattern('(?:a|ab)'.repeat(11)), /too many alternatives/)
  t.equal(unsafePattern('(?:a|ab)'.repeat(3)), undefined)
  t.equal(unsafePattern('a?b?c?d?e?f?g?h?i?j?k?l?'), undefined)
})

t.test('what no automaton can do is not supported', async t => {
  for (const pattern of [
    '(?=a)a',
    '(?!a)b',
    '(?<=a)b',
    '(?<!a)b',
    '(a)\\1',
    '(?<x>a)\\k<x>',
    '(?i:a)',
  ])
    t.match(unsafePattern(pattern), /^".*" is not supported$/, pattern)
  for (const pattern of ['\\p{L}', '\\u{61}', '\\xg', '\\c1', '\\01'])
    t.match(unsafePattern(pattern), /^".*" is not supported$/, pattern)
})

t.test('what is no regular expression is said to be none', async t => {
  for (const pattern of ['(', ')', '[', 'a**', '\\', 'a{2,1}'])
    t.match(unsafePattern(pattern), /^Invalid regular expression/, pattern)
})

t.test('a pattern has 512 characters at most', async t => {
  t.equal(unsafePattern('a'.repeat(512)), undefined)
  t.match(unsafePattern('a'.repeat(513)), /longer than 512/)
})

t.test('deep groups and many alternatives are judged at once', async t => {
  t.match(unsafePattern(`${'('.repeat(100)}a${')*'.repeat(100)}`), /could double/)
  t.match(unsafePattern('a?'.repeat(256)), /too many/)
  t.match(unsafePattern(`(?:${'a|'.repeat(250)}b)*`), /could double/)
})
