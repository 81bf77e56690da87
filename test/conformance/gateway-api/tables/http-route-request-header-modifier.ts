import { httpRoute, prefix, to, type ConformanceTable, type Row } from '../table.ts'

/** The rules of both tests, with their filters where `place` puts them. */
function rules(place: (path: string, filters: readonly object[]) => object): object[] {
  const modified = (path: string, requestHeaderModifier: object) =>
    place(path, [{ type: 'RequestHeaderModifier', requestHeaderModifier }])
  const field = (name: string, value: string) => ({ name, value })
  return [
    modified('/set', { set: [field('X-Header-Set', 'set-overwrites-values')] }),
    modified('/add', { add: [field('X-Header-Add', 'add-appends-values')] }),
    modified('/remove', { remove: ['X-Header-Remove'] }),
    modified('/multiple', {
      set: [field('X-Header-Set-1', 'header-set-1'), field('X-Header-Set-2', 'header-set-2')],
      add: [
        field('X-Header-Add-1', 'header-add-1'),
        field('X-Header-Add-2', 'header-add-2'),
        field('X-Header-Add-3', 'header-add-3'),
      ],
      remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
    }),
    modified('/case-insensitivity', {
      set: [field('X-Header-Set', 'header-set')],
      add: [field('X-Header-Add', 'header-add')],
      remove: ['X-Header-Remove'],
    }),
  ]
}

type Fields = Readonly<Record<string, string>>

function row(path: string, sent: Fields, seen: Fields, absentHeaders: readonly string[] = []): Row {
  const expect = { path, backend: 'echo-v1', headers: seen, absentHeaders }
  return { request: { path, headers: sent }, expect }
}

const other = { 'some-other-header': 'val' }

const rows: readonly Row[] = [
  row('/set', other, { ...other, 'x-header-set': 'set-overwrites-values' }),
  row(
    '/set',
    { ...other, 'X-Header-Set': 'some-other-value' },
    { ...other, 'x-header-set': 'set-overwrites-values' },
  ),
  row('/add', other, { ...other, 'x-header-add': 'add-appends-values' }),
  row(
    '/add',
    { ...other, 'X-Header-Add': 'some-other-value' },
    { ...other, 'x-header-add': 'some-other-value,add-appends-values' },
  ),
  row('/remove', { 'X-Header-Remove': 'val' }, {}, ['x-header-remove']),
  row(
    '/multiple',
    {
      'X-Header-Set-2': 'set-val-2',
      'X-Header-Add-2': 'add-val-2',
      'X-Header-Remove-2': 'remove-val-2',
      'Another-Header': 'another-header-val',
    },
    {
      'x-header-set-1': 'header-set-1',
      'x-header-set-2': 'header-set-2',
      'x-header-add-1': 'header-add-1',
      'x-header-add-2': 'add-val-2,header-add-2',
      'x-header-add-3': 'header-add-3',
      'another-header': 'another-header-val',
    },
    ['x-header-remove-1', 'x-header-remove-2'],
  ),
  row(
    '/case-insensitivity',
    {
      'x-header-set': 'original-val-set',
      'x-header-add': 'original-val-add',
      'x-header-remove': 'original-val-remove',
      'Another-Header': 'another-header-val',
    },
    {
      'x-header-set': 'header-set',
      'x-header-add': 'original-val-add,header-add',
      'another-header': 'another-header-val',
    },
    ['x-header-remove'],
  ),
]

export const httpRouteRequestHeaderModifier: ConformanceTable = {
  name: 'MeshHTTPRouteRequestHeaderModifier',
  source: 'conformance/tests/mesh/httproute-request-header-modifier.go',
  routes: [
    httpRoute(
      rules((path, filters) => ({
        matches: [prefix(path)],
        filters,
        backendRefs: to('echo-v1'),
      })),
    ),
  ],
  rows,
}

export const httpRouteBackendRequestHeaderModifier: ConformanceTable = {
  name: 'MeshHTTPRouteBackendRequestHeaderModifier',
  source: 'conformance/tests/mesh/httproute-request-header-modifier-backend.yaml',
  routes: [
    httpRoute(
      rules((path, filters) => ({
        matches: [prefix(path)],
        backendRefs: [{ name: 'echo-v1', port: 8080, filters }],
      })),
    ),
  ],
  rows,
}
