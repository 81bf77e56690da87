import { httpRoute, to, type ConformanceTable } from '../table.ts'

export const meshTrafficSplit: ConformanceTable = {
  name: 'MeshTrafficSplit',
  source: 'conformance/tests/mesh/mesh-split.go',
  routes: [
    httpRoute(
      [
        { matches: [{ path: { type: 'Exact', value: '/v1' } }], backendRefs: to('echo-v1', 80) },
        { matches: [{ path: { type: 'Exact', value: '/v2' } }], backendRefs: to('echo-v2', 80) },
      ],
      {},
    ),
  ],
  rows: [
    { request: { path: '/v1' }, expect: { backend: 'echo-v1' } },
    { request: { path: '/v2' }, expect: { backend: 'echo-v2' } },
  ],
}
