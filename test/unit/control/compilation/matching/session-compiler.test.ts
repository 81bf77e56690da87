import t from 'tap'
import {
  compileSession,
  deriveSessionKey,
} from '../../../../../src/control/compilation/matching/session-compiler.ts'
import { sessionPersistence } from '../../../../../src/model/kinds/routes/session-persistence.ts'
import type { RouteMatch } from '../../../../../src/model/route.ts'

function compile(fields: object, path?: RouteMatch['path'], name = 'shop/orders/0') {
  const match = path === undefined ? {} : { path }
  return compileSession(sessionPersistence.parse(fields), { name, match }, 'key')
}

t.test('a rule that keeps no sessions has none', async t => {
  t.equal(compileSession(undefined, { name: 'r', match: {} }, 'key'), undefined)
})

t.test('times and names are those of the rule', async t => {
  t.same(
    compile({
      sessionName: 'Basket',
      type: 'Header',
      absoluteTimeout: '1h',
      idleTimeout: '1m',
    }),
    {
      type: 'header',
      name: 'basket',
      path: '/',
      key: 'key',
      absoluteTimeoutMs: 3_600_000,
      idleTimeoutMs: 60_000,
    },
  )
  const permanent = { absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } }
  t.match(compile({ sessionName: 'Basket', ...permanent }), {
    type: 'cookie',
    name: 'Basket',
    permanent: true,
  })
})

t.test('without a name each rule has one of its own', async t => {
  const names = ['shop/a/0', 'shop/a/1', 'shop/a/0'].map(
    name => compile({}, undefined, name)?.name ?? '',
  )
  t.match(names, [/^weft-session-[0-9a-f]{8}$/, names[1], names[0]])
  t.not(names[0], names[1])
})

t.test('a cookie is for the path that was matched', async t => {
  const pathOf = (kind: 'exact' | 'prefix' | 'regex', value: string) =>
    compile({}, { kind, value })?.path
  t.equal(pathOf('prefix', '/a/'), '/a')
  t.equal(pathOf('prefix', '/'), '/')
  t.equal(pathOf('exact', '/a/b'), '/a/b')
  t.equal(pathOf('regex', '/p1/p2/[^/]*/p3'), '/p1/p2')
  t.equal(pathOf('regex', '/v[0-9]+'), '/')
  t.equal(pathOf('regex', '/a/b|/c/d'), '/')
  t.equal(pathOf('exact', '/a;b'), '/', 'a semicolon would end the attribute')
})

t.test('each Service has a key, which the secret is not to be learnt from', async t => {
  const key = deriveSessionKey('secret', 'orders.default:80')
  t.equal(Buffer.from(key, 'base64url').length, 32)
  t.equal(deriveSessionKey('secret', 'orders.default:80'), key)
  t.not(deriveSessionKey('secret', 'orders.default:81'), key)
  t.not(deriveSessionKey('other', 'orders.default:80'), key)
})
