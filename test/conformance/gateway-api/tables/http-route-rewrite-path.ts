import { httpRoute, prefix, to, type ConformanceTable, type Row } from '../table.ts'

const toPrefix = (value: string) => ({ type: 'ReplacePrefixMatch', replacePrefixMatch: value })
const toFull = (value: string) => ({ type: 'ReplaceFullPath', replaceFullPath: value })

const modifier = {
  type: 'RequestHeaderModifier',
  requestHeaderModifier: {
    set: [{ name: 'X-Header-Set', value: 'set-overwrites-values' }],
    add: [
      { name: 'X-Header-Add', value: 'header-val-1' },
      { name: 'X-Header-Add-Append', value: 'header-val-2' },
    ],
    remove: ['X-Header-Remove'],
  },
}

function rewritten(path: string, by: object, ...more: object[]): object {
  const filters = [{ type: 'URLRewrite', urlRewrite: { path: by } }, ...more]
  return { matches: [prefix(path)], filters, backendRefs: to('echo-v1', 80) }
}

function row(path: string, seen: string): Row {
  return { request: { path }, expect: { path: seen, backend: 'echo-v1' } }
}

function modified(path: string, seen: string): Row {
  const headers = {
    'X-Header-Remove': 'remove-val',
    'X-Header-Add-Append': 'append-val-1',
    'X-Header-Set': 'set-val',
  }
  return {
    request: { path, headers },
    expect: {
      path: seen,
      backend: 'echo-v1',
      headers: {
        'x-header-add': 'header-val-1',
        'x-header-add-append': 'append-val-1,header-val-2',
        'x-header-set': 'set-overwrites-values',
      },
      absentHeaders: ['x-header-remove'],
    },
  }
}

export const httpRouteRewritePath: ConformanceTable = {
  name: 'MeshHTTPRouteRewritePath',
  source: 'conformance/tests/mesh/httproute-rewrite-path.go',
  routes: [
    httpRoute([
      rewritten('/prefix/one', toPrefix('/one')),
      rewritten('/strip-prefix', toPrefix('/')),
      rewritten('/full/one', toFull('/one')),
      rewritten('/full/rewrite-path-and-modify-headers', toFull('/test'), modifier),
      rewritten('/prefix/rewrite-path-and-modify-headers', toPrefix('/prefix'), modifier),
    ]),
  ],
  rows: [
    row('/prefix/one/two', '/one/two'),
    row('/strip-prefix/three', '/three'),
    row('/strip-prefix', '/'),
    row('/full/one/two', '/one'),
    modified('/full/rewrite-path-and-modify-headers/test', '/test'),
    modified('/prefix/rewrite-path-and-modify-headers/one', '/prefix/one'),
  ],
}
