import t from 'tap'
import {
  clustersOf,
  compileFilters,
} from '../../../../../src/control/compilation/matching/filter-compiler.ts'
import { httpFilters } from '../../../../../src/model/kinds/routes/filter.ts'
import type { RouteMatch } from '../../../../../src/model/route.ts'

function compile(filters: readonly object[], path?: RouteMatch['path']) {
  return compileFilters(httpFilters.parse(filters), {
    namespace: 'shop',
    clusterOf: ({ name, namespace, port }) =>
      name === 'no' ? undefined : `${name}.${namespace}:${port ?? 80}`,
    path,
  })
}

t.test('no filters are none', async t => {
  t.equal(compile([]), undefined)
})

t.test('names of headers are lower-case, values stay', async t => {
  const modifier = {
    set: [{ name: 'X-A', value: 'Ann' }],
    add: [{ name: 'X-B', value: 'Bob' }],
    remove: ['X-C'],
  }
  t.same(
    compile([
      { type: 'ResponseHeaderModifier', responseHeaderModifier: modifier },
      { type: 'RequestHeaderModifier', requestHeaderModifier: {} },
    ]),
    [
      {
        kind: 'response-headers',
        set: [{ name: 'x-a', value: 'Ann' }],
        add: [{ name: 'x-b', value: 'Bob' }],
        remove: ['x-c'],
      },
      { kind: 'request-headers', set: [], add: [], remove: [] },
    ],
  )
})

t.test('the prefix to be replaced is that of the match', async t => {
  const path = { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new/' }
  const filter = { type: 'URLRewrite', urlRewrite: { path } }
  t.same(compile([filter], { kind: 'prefix', value: '/old/' }), [
    { kind: 'rewrite', path: { kind: 'prefix', prefix: '/old', value: '/new' } },
  ])
  t.same(compile([filter]), [
    { kind: 'rewrite', path: { kind: 'prefix', prefix: '', value: '/new' } },
  ])
})

t.test('a redirect says what it changes, and nothing else', async t => {
  t.same(compile([{ type: 'RequestRedirect', requestRedirect: {} }]), [
    { kind: 'redirect', status: 302 },
  ])
  const requestRedirect = {
    scheme: 'https',
    hostname: 'a.example',
    port: 8443,
    statusCode: 308,
    path: { type: 'ReplaceFullPath', replaceFullPath: '/x' },
  }
  t.same(compile([{ type: 'RequestRedirect', requestRedirect }]), [
    {
      kind: 'redirect',
      status: 308,
      scheme: 'https',
      hostname: 'a.example',
      port: 8443,
      path: { kind: 'full', value: '/x' },
    },
  ])
})

t.test('a mirror has a share, and one that leads nowhere is none', async t => {
  const mirror = (name: string, share: object = {}) => ({
    type: 'RequestMirror',
    requestMirror: { backendRef: { name }, ...share },
  })
  t.match(
    compile([
      mirror('a'),
      mirror('no'),
      mirror('b', { percent: 5 }),
      mirror('c', { fraction: { numerator: 1, denominator: 1000 } }),
    ]),
    [
      { cluster: 'a.shop:80', ratio: 1 },
      { cluster: 'b.shop:80', ratio: 0.05 },
      { cluster: 'c.shop:80', ratio: 0.001 },
    ],
  )
  t.equal(compile([mirror('no')]), undefined)
})

t.test('origins are written as browsers write them', async t => {
  const allowOrigins = ['https://A.example:443', 'http://b.example:80', 'https://c.example:80']
  t.match(compile([{ type: 'CORS', cors: { allowOrigins } }]), [
    {
      allowOrigins: ['https://a.example', 'http://b.example', 'https://c.example:80'],
      allowCredentials: false,
      maxAgeSeconds: 5,
    },
  ])
})

t.test('a route needs the clusters of its backends and of all mirrors', async t => {
  const mirror = (cluster: string) => ({ kind: 'mirror', cluster, ratio: 1 }) as const
  const retry = { attempts: 0, statuses: [], backoffMs: 0 }
  t.same(
    clustersOf({
      name: 'r',
      matches: [],
      retry,
      filters: [mirror('m')],
      backends: [{ cluster: 'a', weight: 1, filters: [mirror('n')] }],
    }),
    ['a', 'm', 'n'],
  )
})
