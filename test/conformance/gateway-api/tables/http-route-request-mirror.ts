// Three tests of gateways: their infra-backends are the echos here.
import { httpRoute, prefix, to, type ConformanceTable, type Row } from '../table.ts'

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

function mirror(name: string, share: object = {}): object {
  return { type: 'RequestMirror', requestMirror: { backendRef: { name, port: 8080 }, ...share } }
}

function mirrored(path: string, ...filters: object[]): object {
  return { matches: [prefix(path)], filters, backendRefs: to('echo-v1') }
}

function row(path: string, mirroredTo: readonly string[], mirroredShare?: number): Row {
  const share = mirroredShare === undefined ? {} : { mirroredShare }
  return { request: { path }, expect: { path, backend: 'echo-v1', mirroredTo, ...share } }
}

function modified(path: string, mirroredTo: readonly string[], mirroredShare?: number): Row {
  const { request, expect } = row(path, mirroredTo, mirroredShare)
  const headers = { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1' }
  return {
    request: { ...request, headers },
    expect: {
      ...expect,
      headers: {
        'x-header-add': 'header-val-1',
        'x-header-add-append': 'append-val-1,header-val-2',
        'x-header-set': 'set-overwrites-values',
      },
      absentHeaders: ['x-header-remove'],
    },
  }
}

export const httpRouteRequestMirror: ConformanceTable = {
  name: 'HTTPRouteRequestMirror',
  source: 'conformance/tests/httproute-request-mirror.go',
  routes: [
    httpRoute([
      mirrored('/mirror', mirror('echo-v2')),
      mirrored('/mirror-and-modify-headers', modifier, mirror('echo-v2')),
    ]),
  ],
  rows: [row('/mirror', ['echo-v2']), modified('/mirror-and-modify-headers', ['echo-v2'])],
}

export const httpRouteRequestMultipleMirrors: ConformanceTable = {
  name: 'HTTPRouteRequestMultipleMirrors',
  source: 'conformance/tests/httproute-request-multiple-mirrors.go',
  routes: [
    httpRoute([
      mirrored('/multi-mirror', mirror('echo-v2'), mirror('echo-v3')),
      mirrored(
        '/multi-mirror-and-modify-request-headers',
        modifier,
        mirror('echo-v2'),
        mirror('echo-v3'),
      ),
    ]),
  ],
  rows: [
    row('/multi-mirror', ['echo-v2', 'echo-v3']),
    modified('/multi-mirror-and-modify-request-headers', ['echo-v2', 'echo-v3']),
  ],
}

export const httpRouteRequestPercentageMirror: ConformanceTable = {
  name: 'HTTPRouteRequestPercentageMirror',
  source: 'conformance/tests/httproute-request-percentage-mirror.go',
  routes: [
    httpRoute([
      mirrored('/percent-mirror', mirror('echo-v2', { percent: 20 })),
      mirrored(
        '/percent-mirror-fraction',
        mirror('echo-v2', { fraction: { numerator: 25, denominator: 50 } }),
      ),
      mirrored('/percent-mirror-and-modify-headers', modifier, mirror('echo-v2', { percent: 35 })),
    ]),
  ],
  rows: [
    row('/percent-mirror', ['echo-v2'], 0.2),
    row('/percent-mirror-fraction', ['echo-v2'], 0.5),
    modified('/percent-mirror-and-modify-headers', ['echo-v2'], 0.35),
  ],
}
