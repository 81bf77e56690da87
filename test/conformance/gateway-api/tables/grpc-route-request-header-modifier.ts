import { grpcRoute, to, type ConformanceTable, type Row } from '../table.ts'

const field = (name: string, value: string) => ({ name, value })

function modified(testCase: string, backend: string, requestHeaderModifier: object): object {
  return {
    matches: [{ headers: [field('x-test-case', testCase)] }],
    filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }],
    backendRefs: to(backend, 7070),
  }
}

type Fields = Readonly<Record<string, string>>

interface Seen {
  readonly sent: Fields
  readonly seen: Fields
  readonly absent?: readonly string[]
}

function row(testCase: string, backend: string, { sent, seen, absent = [] }: Seen): Row {
  return {
    name: testCase,
    request: { grpc: true, headers: { 'x-test-case': testCase, ...sent } },
    expect: { grpcStatus: 0, backend, headers: seen, absentHeaders: absent },
  }
}

export const grpcRouteRequestHeaderModifier: ConformanceTable = {
  name: 'MeshGRPCRouteRequestHeaderModifier',
  source: 'conformance/tests/mesh/grpcroute-request-header-modifier.go',
  routes: [
    grpcRoute([
      modified('set', 'echo-v1', { set: [field('x-header-set', 'set-overwrites-values')] }),
      modified('add', 'echo-v1', { add: [field('x-header-add', 'add-appends-values')] }),
      modified('remove', 'echo-v1', { remove: ['x-header-remove'] }),
      modified('multi', 'echo-v2', {
        set: [field('x-header-set-1', 'header-set-1'), field('x-header-set-2', 'header-set-2')],
        add: [field('x-header-add-1', 'header-add-1'), field('x-header-add-2', 'header-add-2')],
        remove: ['x-header-remove-1', 'x-header-remove-2'],
      }),
    ]),
  ],
  rows: [
    row('set', 'echo-v1', {
      sent: {
        'some-other-header': 'this-header-should-be-set',
        'x-header-set': 'this-value-should-be-overwritten',
      },
      seen: {
        'x-test-case': 'set',
        'some-other-header': 'this-header-should-be-set',
        'x-header-set': 'set-overwrites-values',
      },
    }),
    row('add', 'echo-v1', {
      sent: { 'x-header-add': 'this-value-should-be-appended' },
      seen: { 'x-header-add': 'this-value-should-be-appended,add-appends-values' },
    }),
    row('remove', 'echo-v1', {
      sent: { 'x-header-remove': 'this-should-be-removed' },
      seen: { 'x-test-case': 'remove' },
      absent: ['x-header-remove'],
    }),
    row('multi', 'echo-v2', {
      sent: {
        'x-header-set-2': 'set-header-2',
        'x-header-add-2': 'add-header-2',
        'x-header-remove-2': 'should-be-removed-2',
      },
      seen: {
        'x-header-set-1': 'header-set-1',
        'x-header-set-2': 'header-set-2',
        'x-header-add-1': 'header-add-1',
        'x-header-add-2': 'add-header-2,header-add-2',
      },
      absent: ['x-header-remove-1', 'x-header-remove-2'],
    }),
  ],
}
