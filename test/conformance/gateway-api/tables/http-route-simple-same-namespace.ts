import { httpRoute, to, type ConformanceTable } from '../table.ts'

export const httpRouteSimpleSameNamespace: ConformanceTable = {
  name: 'MeshHTTPRouteSimpleSameNamespace',
  source: 'conformance/tests/mesh/httproute-simple-same-namespace.go',
  routes: [httpRoute([{ backendRefs: to('echo-v1') }])],
  rows: [{ request: {}, expect: { backend: 'echo-v1' } }],
}
