// Of gateways: their infra-backend is echo-v1 here.
import { httpRoute, prefix, to, type ConformanceTable, type Row } from '../table.ts'

const field = (name: string, value: string) => ({ name, value })

function modified(path: string, responseHeaderModifier: object, ...more: object[]): object {
  const filters = [{ type: 'ResponseHeaderModifier', responseHeaderModifier }, ...more]
  return { matches: [prefix(path)], filters, backendRefs: to('echo-v1') }
}

type Fields = Readonly<Record<string, string>>

function row(path: string, set: Fields, seen: Fields, absentAnswer: readonly string[] = []): Row {
  return {
    request: { path, answerWith: set },
    expect: { backend: 'echo-v1', answer: seen, absentAnswer },
  }
}

const other = { 'some-other-header': 'val' }
const another = { 'another-header': 'another-header-val' }
const multiple = {
  set: [field('X-Header-Set-1', 'header-set-1'), field('X-Header-Set-2', 'header-set-2')],
  add: [
    field('X-Header-Add-1', 'header-add-1'),
    field('X-Header-Add-2', 'header-add-2'),
    field('X-Header-Add-3', 'header-add-3'),
  ],
  remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
}
const multipleSet = {
  'X-Header-Set-2': 'set-val-2',
  'X-Header-Add-2': 'add-val-2',
  'X-Header-Remove-2': 'remove-val-2',
  'X-Header-Remove-1': 'val',
  ...another,
}
const multipleSeen = {
  'x-header-set-1': 'header-set-1',
  'x-header-set-2': 'header-set-2',
  'x-header-add-1': 'header-add-1',
  'x-header-add-2': 'add-val-2,header-add-2',
  ...another,
}
const removed = ['x-header-remove-1', 'x-header-remove-2']

export const httpRouteResponseHeaderModifier: ConformanceTable = {
  name: 'HTTPRouteResponseHeaderModifier',
  source: 'conformance/tests/httproute-response-header-modifier.go',
  routes: [
    httpRoute([
      modified('/set', { set: [field('X-Header-Set', 'set-overwrites-values')] }),
      modified('/add', { add: [field('X-Header-Add', 'add-appends-values')] }),
      modified('/remove', { remove: ['X-Header-Remove'] }),
      modified('/multiple', multiple),
      modified('/case-insensitivity', {
        set: [field('X-Header-Set', 'header-set')],
        add: [
          field('X-Header-Add', 'header-add'),
          field('x-lowercase-add', 'lowercase-add'),
          field('x-Mixedcase-ADD-1', 'mixedcase-add-1'),
          field('X-mixeDcase-add-2', 'mixedcase-add-2'),
          field('X-UPPERCASE-ADD', 'uppercase-add'),
        ],
        remove: ['X-Header-Remove'],
      }),
      modified('/response-and-request-header-modifiers', multiple, {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: {
          set: [field('X-Header-Set', 'set-overwrites-values')],
          add: [
            field('X-Header-Add', 'header-val-1'),
            field('X-Header-Add-Append', 'header-val-2'),
          ],
          remove: ['X-Header-Remove'],
        },
      }),
    ]),
  ],
  rows: [
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
    row('/multiple', multipleSet, { ...multipleSeen, 'x-header-add-3': 'header-add-3' }, removed),
    row(
      '/case-insensitivity',
      {
        'x-header-set': 'original-val-set',
        'x-header-add': 'original-val-add',
        'x-header-remove': 'original-val-remove',
        ...another,
      },
      {
        'x-header-set': 'header-set',
        'x-header-add': 'original-val-add,header-add',
        'x-lowercase-add': 'lowercase-add',
        'x-mixedcase-add-1': 'mixedcase-add-1',
        'x-mixedcase-add-2': 'mixedcase-add-2',
        'x-uppercase-add': 'uppercase-add',
        ...another,
      },
      ['x-header-remove'],
    ),
    {
      request: {
        path: '/response-and-request-header-modifiers',
        headers: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1' },
        answerWith: { ...multipleSet, 'X-Header-Echo': 'echo' },
      },
      expect: {
        backend: 'echo-v1',
        headers: {
          'x-header-add': 'header-val-1',
          'x-header-set': 'set-overwrites-values',
          'x-header-add-append': 'append-val-1,header-val-2',
        },
        absentHeaders: ['x-header-remove'],
        answer: { ...multipleSeen, 'x-header-echo': 'echo' },
        absentAnswer: removed,
      },
    },
  ],
}
