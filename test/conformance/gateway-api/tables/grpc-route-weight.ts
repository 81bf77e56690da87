import { grpcRoute, type ConformanceTable } from '../table.ts'

export const grpcRouteWeight: ConformanceTable = {
  name: 'MeshGRPCRouteWeight',
  source: 'conformance/tests/mesh/grpcroute-weight.go',
  routes: [
    grpcRoute([
      {
        backendRefs: [
          { name: 'echo-v1', port: 7070, weight: 70 },
          { name: 'echo-v2', port: 7070, weight: 30 },
          { name: 'echo-v3', port: 7070, weight: 0 },
        ],
      },
    ]),
  ],
  rows: [{ request: { grpc: true }, expect: { grpcStatus: 0 } }],
  distribution: { 'echo-v1': 0.7, 'echo-v2': 0.3, 'echo-v3': 0 },
}
