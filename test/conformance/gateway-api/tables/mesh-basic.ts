import type { ConformanceTable } from '../table.ts'

export const meshBasic: ConformanceTable = {
  name: 'MeshBasic',
  source: 'conformance/tests/mesh/mesh-basic.go',
  routes: [],
  rows: [{ request: {}, expect: { status: [200] } }],
}
