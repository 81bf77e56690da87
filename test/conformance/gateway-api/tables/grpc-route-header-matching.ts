import { grpcRoute, to, type ConformanceTable, type Row } from '../table.ts'

type Fields = Readonly<Record<string, string>>

function having(fields: Fields): object {
  return { headers: Object.entries(fields).map(([name, value]) => ({ name, value })) }
}

/** No backend: nothing matches, and gRPC says that as UNIMPLEMENTED. */
function row(headers: Fields, backend?: string): Row {
  const expect = backend === undefined ? { grpcStatus: 12 } : { grpcStatus: 0, backend }
  return { name: JSON.stringify(headers), request: { grpc: true, headers }, expect }
}

export const grpcRouteHeaderMatching: ConformanceTable = {
  name: 'GRPCRouteHeaderMatching',
  source: 'conformance/tests/grpcroute-header-matching.go',
  routes: [
    grpcRoute([
      { matches: [having({ version: 'one' })], backendRefs: to('echo-v1', 7070) },
      { matches: [having({ version: 'two' })], backendRefs: to('echo-v2', 7070) },
      {
        matches: [having({ version: 'two', color: 'orange' })],
        backendRefs: to('echo-v1', 7070),
      },
      {
        matches: [having({ color: 'blue' }), having({ color: 'green' })],
        backendRefs: to('echo-v1', 7070),
      },
      {
        matches: [having({ color: 'red' }), having({ color: 'yellow' })],
        backendRefs: to('echo-v2', 7070),
      },
    ]),
  ],
  rows: [
    row({ version: 'one' }, 'echo-v1'),
    row({ version: 'two' }, 'echo-v2'),
    row({ version: 'two', color: 'orange' }, 'echo-v1'),
    row({ version: 'two', color: 'blue' }, 'echo-v2'),
    row({ color: 'orange' }),
    row({ 'some-other-header': 'one' }),
    row({ color: 'blue' }, 'echo-v1'),
    row({ color: 'green' }, 'echo-v1'),
    row({ color: 'red' }, 'echo-v2'),
    row({ color: 'yellow' }, 'echo-v2'),
    row({ color: 'purple' }),
  ],
}
