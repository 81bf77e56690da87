import t from 'tap'
import { modifyPath } from '../../../../../src/proxy/routing/filters/path-modifier.ts'

/** As the control plane compiles it: without the slashes at the ends. */
function replacePrefix(path: string, prefix: string, value: string): string {
  return modifyPath(path, {
    kind: 'prefix',
    prefix: prefix.replace(/\/$/, ''),
    value: value.replace(/\/$/, ''),
  })
}

t.test("the table of Gateway API's HTTPPathModifier holds row by row", async t => {
  const rows = [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
  ] as const
  for (const [path, prefix, value, wanted] of rows)
    t.equal(replacePrefix(path, prefix, value), wanted, `${path}: ${prefix} by "${value}"`)
})

t.test('the prefix "/" goes before every path', async t => {
  t.equal(replacePrefix('/a/b', '/', '/api'), '/api/a/b')
  t.equal(replacePrefix('/', '/', '/api'), '/api/')
})

t.test('the query stays, and what is no path stays as it is', async t => {
  t.equal(replacePrefix('/foo?a=/foo', '/foo', '/'), '/?a=/foo')
  t.equal(modifyPath('/a/b?c', { kind: 'full', value: '/x' }), '/x?c')
  t.equal(modifyPath('*', { kind: 'full', value: '/x' }), '*')
})
