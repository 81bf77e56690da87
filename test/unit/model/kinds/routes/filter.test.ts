import t from 'tap'
import { grpcFilters, httpFilters } from '../../../../../src/model/kinds/routes/filter.ts'

function faultsOf(filter: object): string[] {
  const { issues = [] } = httpFilters.safeParse([filter]).error ?? {}
  return issues.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`)
}

/** The faults of one value in the field of a filter. */
function faultsIn(type: string, field: string, value: object): string[] {
  return faultsOf({ type, [field]: value })
}

const headers = (modifier: object) =>
  faultsIn('RequestHeaderModifier', 'requestHeaderModifier', modifier)
const redirect = (value: object) => faultsIn('RequestRedirect', 'requestRedirect', value)
const cors = (value: object) => faultsIn('CORS', 'cors', value)
const mirror = (value: object) =>
  faultsIn('RequestMirror', 'requestMirror', { backendRef: { name: 'a' }, ...value })

t.test('an unknown filter is named with the nearest that there is', async t => {
  t.same(faultsOf({ type: 'RequestMirrror' }), [
    'type: unknown filter "RequestMirrror"; did you mean "RequestMirror"?',
  ])
  t.match(faultsOf({ type: 'ExtensionRef' }), [
    /^type: unknown filter "ExtensionRef"; known here: /,
  ])
  t.match(faultsOf({}), ['type: is missing'])
})

t.test('each type has its own field and no other', async t => {
  t.same(faultsOf({ type: 'CORS' }), ['cors: is missing, and CORS needs it'])
  t.same(faultsOf({ type: 'URLRewrite', urlRewrite: {}, cors: {} }), [
    'cors: means nothing for URLRewrite',
  ])
  for (const type of ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror'])
    t.match(faultsOf({ type }), [/^re[a-zA-Z]+(?:Modifier|Mirror): is missing/], type)
  const none = { type: 'ResponseHeaderModifier', responseHeaderModifier: {} }
  t.ok(grpcFilters.safeParse([none]).success)
  t.notOk(grpcFilters.safeParse([{ type: 'CORS', cors: {} }]).success)
})

t.test('only mirrors can stand in a list more than once', async t => {
  const modifier = { type: 'RequestHeaderModifier', requestHeaderModifier: {} }
  const copy = { type: 'RequestMirror', requestMirror: { backendRef: { name: 'a' } } }
  t.ok(httpFilters.safeParse([copy, modifier, copy]).success)
  t.match(httpFilters.safeParse([modifier, modifier]).error?.issues, [
    { path: [1], message: 'RequestHeaderModifier can stand here once' },
  ])
  const rewrite = { type: 'URLRewrite', urlRewrite: {} }
  const away = { type: 'RequestRedirect', requestRedirect: {} }
  t.match(httpFilters.safeParse([away, rewrite]).error?.issues, [
    { path: [1], message: /nothing to rewrite/ },
  ])
})

t.test(
  'headers that frame a message, or that only sidecars may set, stay out of reach',
  async t => {
    for (const name of [
      'Host',
      'content-length',
      'Transfer-Encoding',
      'connection',
      'x-weft-port',
      'X_Weft-Port',
      'x_forwarded_client_cert',
    ]) {
      t.match(headers({ set: [{ name, value: 'a' }] }), [/cannot be changed by a route/], name)
      t.match(headers({ add: [{ name, value: 'a' }] }), [/cannot be changed by a route/], name)
      t.match(headers({ remove: [name] }), [/cannot be changed by a route/], name)
    }
    t.match(headers({ remove: ['X-Forwarded-Client-Cert'] }), [/only a sidecar may say who called/])
    t.same(headers({ remove: ['x-weftless'], add: [{ name: 'hosts', value: 'a' }] }), [])
  },
)

t.test('a value cannot begin another line, and a header is changed once', async t => {
  for (const value of ['', 'a\r\nb', 'a\nb', ' a', 'a ', 'ä'])
    t.match(headers({ set: [{ name: 'x', value }] }), [/printable ASCII/], JSON.stringify(value))
  t.same(headers({ set: [{ name: 'x', value: 'a,\tb c' }] }), [])
  t.match(headers({ set: [{ name: 'X-A', value: 'a' }], remove: ['x-a'] }), [/x-a|X-A/])
})

t.test('a redirect is one that HTTP has', async t => {
  for (const statusCode of [301, 302, 303, 307, 308]) t.same(redirect({ statusCode }), [])
  t.match(redirect({ statusCode: 304 }), [/^requestRedirect.statusCode: /])
  t.match(redirect({ scheme: 'ftp' }), [/^requestRedirect.scheme: /])
  t.match(redirect({ hostname: 'example.org:80' }), [/without a port/])
  t.match(redirect({ hostname: '*.example.org' }), [/lower-case host name/])
  t.match(redirect({ port: 0 }), [/>=1/])
})

t.test('a path is replaced in one way, by a path', async t => {
  const path = (value: object) => redirect({ path: value })
  t.same(path({ type: 'ReplaceFullPath', replaceFullPath: '/a%20b' }), [])
  t.same(path({ type: 'ReplacePrefixMatch', replacePrefixMatch: '' }), [])
  t.match(path({ type: 'ReplaceFullPath', replaceFullPath: '' }), [/must start with "\/"/])
  t.match(path({ type: 'ReplaceFullPath', replaceFullPath: '/a?b' }), [/without space, query/])
  t.match(path({ type: 'ReplaceFullPath', replaceFullPath: '/a b' }), [/without space, query/])
  t.match(path({ type: 'ReplaceFullPath', replacePrefixMatch: '/a' }), [
    /replaceFullPath: is missing/,
    /replacePrefixMatch: means nothing/,
  ])
})

t.test('a mirror gets a percentage or a fraction', async t => {
  t.same(mirror({ percent: 0 }), [])
  t.same(mirror({ fraction: { numerator: 1, denominator: 1000 } }), [])
  t.match(mirror({ percent: 101 }), [/<=100/])
  t.match(mirror({ percent: 1, fraction: { numerator: 1 } }), [/not both/])
  t.match(mirror({ fraction: { numerator: 101 } }), [/must not be greater/])
  t.match(mirror({ fraction: { numerator: 0, denominator: 0 } }), [/>=1/])
})

t.test('origins are origins, and "*" stands alone', async t => {
  const allowOrigins = ['https://a.example', 'http://*.b.example:8080', 'https://*']
  t.same(cors({ allowOrigins, allowMethods: ['GET', 'PUT'], allowHeaders: ['x-a'] }), [])
  for (const origin of ['a.example', 'ftp://a', 'https://a/', 'https://a*b', 'https://a.*'])
    t.match(cors({ allowOrigins: [origin] }), [/is no origin/], origin)
  t.match(cors({ allowOrigins: ['*', 'https://a'] }), [/can only stand alone/])
  t.match(cors({ allowMethods: ['*', 'GET'] }), [/can only stand alone/])
  t.match(cors({ allowMethods: ['get'] }), [/"GET"/])
  t.match(cors({ maxAge: 0 }), [/>=1/])
})
