import { grpcRoute, to, type ConformanceTable, type Row } from '../table.ts'

const service = 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho'

function row(method: string, expect: Row['expect']): Row {
  return { name: method, request: { grpc: true, path: `/${service}/${method}` }, expect }
}

export const grpcRouteExactMethodMatching: ConformanceTable = {
  name: 'GRPCExactMethodMatching',
  source: 'conformance/tests/grpcroute-exact-method-matching.go',
  routes: [
    grpcRoute([
      { matches: [{ method: { service, method: 'Echo' } }], backendRefs: to('echo-v1', 7070) },
      { matches: [{ method: { service, method: 'EchoTwo' } }], backendRefs: to('echo-v2', 7070) },
    ]),
  ],
  rows: [
    row('Echo', { grpcStatus: 0, backend: 'echo-v1' }),
    row('EchoTwo', { grpcStatus: 0, backend: 'echo-v2' }),
    row('EchoThree', { grpcStatus: 12 }),
  ],
}
