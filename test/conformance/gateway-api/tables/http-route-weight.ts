import { httpRoute, type ConformanceTable } from '../table.ts'

export const httpRouteWeight: ConformanceTable = {
  name: 'MeshHTTPRouteWeight',
  source: 'conformance/tests/mesh/httproute-weight.go',
  routes: [
    httpRoute([
      {
        backendRefs: [
          { name: 'echo-v1', port: 8080, weight: 70 },
          { name: 'echo-v2', port: 8080, weight: 30 },
        ],
      },
    ]),
  ],
  rows: [{ request: {}, expect: {} }],
  distribution: { 'echo-v1': 0.7, 'echo-v2': 0.3 },
}
