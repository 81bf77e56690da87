import t from 'tap'
import { normalizePath } from '../../../src/http/path-normalization.ts'

t.test('each way goes as far as it says', async t => {
  for (const [path, base, merged, decoded] of [
    ['/', '/', '/', '/'],
    ['/a/b?c=//%2e', '/a/b?c=//%2e', '/a/b?c=//%2e', '/a/b?c=//%2e'],
    ['/%61%7e%2D', '/a~-', '/a~-', '/a~-'],
    ['/%c3%bc%20', '/%C3%BC%20', '/%C3%BC%20', '/%C3%BC%20'],
    ['/a/./b/../c/.', '/a/c/', '/a/c/', '/a/c/'],
    ['/a/..', '/', '/', '/'],
    ['/../../a', '/a', '/a', '/a'],
    ['//a///b/', '//a///b/', '/a/b/', '/a/b/'],
    ['/a%2Fb', undefined, undefined, '/a/b'],
    ['/a%5c..\\b', undefined, undefined, '/b'],
    ['/%252e%252e/a', '/%252e%252e/a', '/%252e%252e/a', '/%252e%252e/a'],
    ['/...', '/...', '/...', '/...'],
    ['/.a/..b', '/.a/..b', '/.a/..b', '/.a/..b'],
    ['*', '*', '*', '*'],
    ['', '', '', ''],
  ] as const) {
    t.equal(normalizePath(path, 'base'), base, path)
    t.equal(normalizePath(path, 'mergeSlashes'), merged, path)
    t.equal(normalizePath(path, 'decodeAndMergeSlashes'), decoded, path)
  }
})

t.test('what readers take in different ways nobody gets', async t => {
  for (const path of [
    '/%00',
    '/%',
    '/%2',
    '/%zz',
    '/%c0%ae',
    '/%F5',
    '/\u00fc',
    '/a b',
    '/..;/a',
    '/.;',
    '/%2e%2e;x',
    '/..%3bx',
  ])
    t.equal(normalizePath(path, 'decodeAndMergeSlashes'), undefined, path)
})

t.test('a long path takes no longer than it is', async t => {
  const path = `/${'a/.'.repeat(4000)}%`
  t.equal(normalizePath(path, 'mergeSlashes'), undefined)
  t.ok(normalizePath('/a'.repeat(8000), 'mergeSlashes'))
})
